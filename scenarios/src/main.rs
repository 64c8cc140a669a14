//! The `iocp` command; see [`iocp_scenarios::command`].

fn main() -> std::process::ExitCode {
    // A recording is made in a process of its own: this program, started again.
    #[cfg(windows)]
    iocp_scheduler::native::child();
    iocp_scenarios::command::main()
}
