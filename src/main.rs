//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    dev::cli::main(std::env::args_os()).into()
}
