//! The `iocp` command; see [`iocp_scenarios::command`].

fn main() -> std::process::ExitCode {
    iocp_scenarios::command::main()
}
