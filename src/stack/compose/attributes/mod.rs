//! Every attribute of the Compose Specification: what it may hold, and what `dev` does with it. One table in code, which
//! `docs/reference/compose.md` is held to.
//!
//! <https://github.com/compose-spec/compose-spec/blob/main/spec.md>

mod build;
mod deploy;
mod project;
mod service;
mod service_parts;

use super::form::{Attribute, Form, Support, Table};

pub(super) use project::PROJECT;
pub(super) use service::SERVICE;

/// One row of the table of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `services.NAME.build.args`.
    pub path: String,
    pub support: Support,
}

/// Every attribute by its path, in the order of the tables.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    of_table(&PROJECT, "", &mut rows);
    rows
}

fn of_table(table: &'static Table, above: &str, rows: &mut Vec<Row>) {
    for Attribute { key, form, support } in table.attributes {
        let path = match above {
            "" => (*key).to_owned(),
            _ => format!("{above}.{key}"),
        };
        rows.push(Row {
            path: path.clone(),
            support: *support,
        });
        below(form, &path, rows);
    }
}

fn below(form: &'static Form, path: &str, rows: &mut Vec<Row>) {
    match form {
        Form::Table(table) => of_table(table, path, rows),
        Form::List(list) => below(&list.item, &format!("{path}[]"), rows),
        Form::Named(named) => below(&named.item, &format!("{path}.NAME"), rows),
        _ => {}
    }
}
