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
    of_table(&PROJECT, ("", Support::Honoured), &mut rows);
    rows
}

/// `around`: what is done with the table itself. Nothing in it can mean more.
fn of_table(table: &'static Table, (above, around): (&str, Support), rows: &mut Vec<Row>) {
    for Attribute {
        key, form, support, ..
    } in table.attributes
    {
        let path = match above {
            "" => (*key).to_owned(),
            _ => format!("{above}.{key}"),
        };
        let support = match around {
            Support::Honoured | Support::Partly(_) => *support,
            Support::Warned(_) | Support::Refused(_) => around,
        };
        rows.push(Row {
            path: path.clone(),
            support,
        });
        below(form, (&path, support), rows);
    }
}

fn below(form: &'static Form, (path, around): (&str, Support), rows: &mut Vec<Row>) {
    match form {
        Form::Table(table) => of_table(table, (path, around), rows),
        Form::List(list) => below(&list.item, (&format!("{path}[]"), around), rows),
        Form::Named(named) => below(&named.item, (&format!("{path}.NAME"), around), rows),
        _ => {}
    }
}
