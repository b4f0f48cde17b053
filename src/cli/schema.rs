//! `dev schema`.

use super::args::{SchemaArgs, SchemaKind};
use super::exit::ExitCode;
use super::output::to_stdout;

pub fn run(arguments: &SchemaArgs) -> ExitCode {
    let text = match arguments.kind {
        SchemaKind::Stack => format!("{:#}", crate::stack::file::schema()),
        SchemaKind::Events => crate::view::json::schema(),
    };
    to_stdout(text.trim_end());
    ExitCode::Done
}
