//! Arguments in, exit code out.

/// glibc keeps most of what a first sync needed for as long as the process lives; this gives it back (`.cargo/config.toml`).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    dev::cli::main(std::env::args_os()).into()
}
