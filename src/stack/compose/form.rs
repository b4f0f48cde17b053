//! What an attribute may hold, and what `dev` does about it: the words in which the tables of [`super::attributes`] are
//! written. Reading, merging and printing follow from them.

/// One attribute of a table.
#[derive(Debug)]
pub(super) struct Attribute {
    pub key: &'static str,
    pub form: Form,
    pub support: Support,
    /// Text that says no more than nothing at all does.
    pub silent: Option<&'static str>,
}

/// What `dev` does with an attribute that a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It means what the Compose Specification says.
    Honoured,
    /// The same, but for what it says.
    Partly(&'static str),
    /// It means nothing on one machine, which a warning says, with the reason.
    Warned(&'static str),
    /// It cannot be had, which an error says, with the reason.
    Refused(&'static str),
}

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Table {
    /// As the reference calls it.
    pub name: &'static str,
    pub attributes: &'static [Attribute],
    /// Keys without which the rest means nothing.
    pub required: &'static [&'static str],
    /// What text in its place means.
    pub short: Short,
    /// Whether `x-…` may stand in it.
    pub extensions: bool,
}

/// What text, or a number, means where a table is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    /// Nothing.
    None,
    /// Only nothing at all, which is an empty table.
    Null,
    /// The value of this key.
    Key(&'static str),
    Port,
    Volume,
    Device,
}

#[derive(Debug)]
pub(super) enum Form {
    /// Whatever it is.
    Any,
    Text,
    /// Nothing is the same as not there.
    TextOrNull,
    Choice(&'static [&'static str]),
    /// One of the words, with whatever around them, as Compose checks it.
    PullPolicy,
    /// Not set is the same as false.
    Bool,
    /// Not set is not the same as false.
    Flag,
    /// Not set is true.
    OptOut,
    /// Not set is the same as 0.
    Int(i64, i64),
    /// Not set is not the same as 0.
    Count,
    Number,
    Bytes,
    Duration,
    /// Octal.
    FileMode,
    /// A list of words, or text that is split as a shell would.
    Command,
    /// A list that begins with its kind, or text for a shell.
    HealthTest,
    /// Text or a number, kept as text.
    Scalar,
    /// A number, or `all`.
    DeviceCount,
    Ulimit,
    /// True, false, or in the old way a mapping with a name.
    External,
    /// `NAME=value` lines, or a mapping.
    Dict(Dict),
    /// Hosts with addresses.
    Hosts,
    Ssh,
    /// Text by name.
    Options,
    /// Text by name, several for each.
    MultiOptions,
    /// A mapping with names of the author's choice.
    Named(&'static Named),
    List(&'static List),
    Table(&'static Table),
}

/// What a value that is left out means in `NAME=value` lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dict {
    /// That of the environment, and else the variable is not set.
    Environment,
    /// That of the environment, and else the argument is not there.
    Arguments,
    /// Empty text.
    Labels,
    /// An error.
    Pairs,
}

#[derive(Debug)]
pub(super) struct Named {
    pub item: Form,
    /// What an item is that a list only names; `None`: there is no such list.
    pub listed: Option<Listed>,
    /// Whether a name may go without an item.
    pub empty: bool,
}

/// What a name in a list stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Null,
    /// Started, and required.
    Dependency,
}

#[derive(Debug)]
pub(super) struct List {
    pub item: Form,
    pub unique: Unique,
    /// Whether one item may stand for a list of one.
    pub single: bool,
}

/// By what items of lists from several files are the same, so that the later one replaces the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unique {
    /// Each is its own, twice the same among them.
    Not,
    /// None may stand twice, and none replaces another.
    Strict,
    /// What stands before the first `=`.
    Name,
    Whole,
    /// `target`, with what stands in its place.
    Target(&'static str),
    Path,
    Port,
}

impl Attribute {
    pub const fn new(key: &'static str, form: Form) -> Self {
        Self {
            key,
            form,
            support: Support::Honoured,
            silent: None,
        }
    }

    /// Honoured, but for what it says.
    pub const fn partly(key: &'static str, form: Form, what: &'static str) -> Self {
        Self {
            key,
            form,
            support: Support::Partly(what),
            silent: None,
        }
    }

    pub const fn warned(key: &'static str, form: Form, why: &'static str) -> Self {
        Self {
            key,
            form,
            support: Support::Warned(why),
            silent: None,
        }
    }

    /// The same, where `silent` is what each has without a word.
    pub const fn warned_but(
        key: &'static str,
        form: Form,
        silent: &'static str,
        why: &'static str,
    ) -> Self {
        Self {
            silent: Some(silent),
            ..Self::warned(key, form, why)
        }
    }

    pub const fn refused(key: &'static str, form: Form, why: &'static str) -> Self {
        Self {
            key,
            form,
            support: Support::Refused(why),
            silent: None,
        }
    }
}

impl Table {
    pub const fn new(name: &'static str, attributes: &'static [Attribute]) -> Self {
        Self {
            name,
            attributes,
            required: &[],
            short: Short::None,
            extensions: true,
        }
    }

    pub fn attribute(&self, key: &str) -> Option<&'static Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.key == key)
    }
}

impl List {
    const fn of(item: Form, unique: Unique) -> Self {
        Self {
            item,
            unique,
            single: false,
        }
    }
}

/// Lists that many attributes have.
pub(super) static TEXTS: List = List::of(Form::Text, Unique::Not);
pub(super) static STRICT_TEXTS: List = List::of(Form::Text, Unique::Strict);
pub(super) static STRICT_SCALARS: List = List::of(Form::Scalar, Unique::Strict);
pub(super) static SCALARS: List = List::of(Form::Scalar, Unique::Whole);
pub(super) static NAMED_TEXTS: List = List::of(Form::Text, Unique::Name);
pub(super) static TEXT_OR_TEXTS: List = List {
    item: Form::Text,
    unique: Unique::Strict,
    single: true,
};
pub(super) static TEXT_OR_NAMED_TEXTS: List = List {
    item: Form::Text,
    unique: Unique::Name,
    single: true,
};
