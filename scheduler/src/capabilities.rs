//! Why a program cannot be recorded on a real kernel.

use crate::program::{Op, Program};
use iocp_model::{Call, DeviceAnswer, NtStatus, ProcessId};

/// The most bytes that a recorded request moves.
pub const MOST_BYTES: u32 = 64 * 1024;

/// Why no machine can record this program, each reason a sentence without its full stop; empty if
/// one can. Which processors it needs is said by [`needed_processors`].
///
/// A recorder is one process in user mode: its files are pipes, whose other end it can write to or
/// close, and it cannot make the kernel run out of memory.
pub fn capabilities(program: &Program) -> Vec<String> {
    let mut reasons = Vec::new();
    let workload = &program.workload;
    if workload.machine.post_memory.is_some() {
        reasons
            .push("a recorder cannot limit the kernel's memory (machine.post_memory)".to_owned());
    }
    let main = ProcessId::new(0);
    for (thread, code) in program.threads.iter().enumerate() {
        if Some(code.process) != main {
            let name = &program.thread_names[thread];
            reasons.push(format!(
                "{name} runs in another process; a recorder is one process"
            ));
        }
    }
    for code in &program.codes {
        for (op, place) in code.ops.iter().zip(&code.places) {
            if let Some(reason) = reason(op, main) {
                reasons.push(format!("{place}: {reason}"));
            }
        }
    }
    reasons
}

/// How many processors a machine must have to record this program; `None` for any number.
pub fn needed_processors(program: &Program) -> Option<u16> {
    program.workload.machine.processors
}

fn reason(op: &Op, main: Option<ProcessId>) -> Option<&'static str> {
    const TOO_LONG: &str = "a recorded request moves at most 64 KiB";
    let call = match op {
        Op::Complete {
            status: 0,
            information,
            ..
        } => return (*information > MOST_BYTES).then_some(TOO_LONG),
        Op::Complete {
            status,
            information: 0,
            ..
        } if matches!(
            NtStatus(*status),
            NtStatus::CANCELLED | NtStatus::PIPE_BROKEN
        ) =>
        {
            return None;
        }
        Op::Complete { .. } => {
            return Some(
                "a recorder completes a request with success, or with 0 bytes and \
                 STATUS_CANCELLED (0xC0000120) or STATUS_PIPE_BROKEN (0xC000014B)",
            );
        }
        Op::Call(op) => &op.call,
        _ => return None,
    };
    match call {
        Call::Request(arguments) => match arguments.answer {
            DeviceAnswer::Pending => None,
            DeviceAnswer::Done(NtStatus::SUCCESS, bytes) => {
                (bytes > MOST_BYTES).then_some(TOO_LONG)
            }
            DeviceAnswer::Done(..) => {
                Some("a recorder's device answers \"done\" with success only")
            }
            DeviceAnswer::Failed(NtStatus::PIPE_BROKEN) => None,
            DeviceAnswer::Failed(_) => {
                Some("a recorder's device fails with STATUS_PIPE_BROKEN (0xC000014B) only")
            }
        },
        Call::DuplicateHandle { target, .. } if Some(*target) != main => {
            Some("the handle goes to another process; a recorder is one process")
        }
        Call::NtQueryIoCompletion { length, .. } if *length > MOST_BYTES => {
            Some("a recorder has a buffer of at most 64 KiB for it")
        }
        Call::WaitOutside { .. } => Some("a recorder knows nothing outside to wait for"),
        _ => None,
    }
}
