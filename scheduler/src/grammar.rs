//! Which keys each step takes: a table, so that a wrong key is told with the right ones.

use iocp_model::Api;

/// The keys of one call.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The call.
    pub api: Api,
    /// Other spellings of its name.
    pub also: &'static [&'static str],
    /// Keys that it must have.
    pub required: &'static [&'static str],
    /// Keys that it may have.
    pub optional: &'static [&'static str],
}

const fn takes(
    api: Api,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Signature {
    Signature {
        api,
        also: &[],
        required,
        optional,
    }
}

const fn named(
    api: Api,
    also: &'static [&'static str],
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Signature {
    Signature {
        api,
        also,
        required,
        optional,
    }
}

/// The calls that a program can make.
pub const CALLS: &[Signature] = &[
    takes(
        Api::CreateIoCompletionPort,
        &[],
        &["file", "existing", "key", "concurrency", "as"],
    ),
    takes(
        Api::NtCreateIoCompletion,
        &[],
        &["name", "access", "concurrency", "as"],
    ),
    takes(Api::NtOpenIoCompletion, &[], &["name", "access", "as"]),
    takes(Api::NtQueryIoCompletion, &["port"], &["class", "length"]),
    takes(Api::GetQueuedCompletionStatus, &["port"], &["timeout"]),
    takes(
        Api::GetQueuedCompletionStatusEx,
        &["port", "count"],
        &["timeout", "alertable"],
    ),
    takes(Api::NtRemoveIoCompletion, &["port"], &["timeout"]),
    takes(
        Api::NtRemoveIoCompletionEx,
        &["port", "count"],
        &["timeout", "alertable"],
    ),
    takes(
        Api::PostQueuedCompletionStatus,
        &["port"],
        &["key", "key_step", "bytes", "overlapped"],
    ),
    takes(
        Api::NtSetIoCompletion,
        &["port"],
        &["key", "key_step", "bytes", "overlapped", "status"],
    ),
    takes(
        Api::NtSetIoCompletionEx,
        &["port", "reserve"],
        &["key", "key_step", "bytes", "overlapped", "status"],
    ),
    takes(Api::NtAllocateReserveObject, &["as"], &["for_packets"]),
    takes(Api::CreateFile, &["as"], &["overlapped_file"]),
    takes(
        Api::ReadFile,
        &["file"],
        &["overlapped", "bytes", "answer", "status"],
    ),
    takes(
        Api::ReadFileEx,
        &["file"],
        &["overlapped", "bytes", "answer", "status"],
    ),
    takes(
        Api::NtSetInformationFile,
        &["file"],
        &["port", "key", "class"],
    ),
    takes(Api::CreateEvent, &["as"], &["manual", "signaled"]),
    takes(Api::CreateSemaphore, &["as", "maximum"], &["count"]),
    takes(Api::CreateMutex, &["as"], &["signaled"]),
    takes(Api::SetEvent, &["object"], &[]),
    takes(Api::ResetEvent, &["object"], &[]),
    takes(Api::ReleaseSemaphore, &["object"], &[]),
    takes(Api::ReleaseMutex, &["object"], &[]),
    named(
        Api::WaitForSingleObject,
        &["WaitForSingleObjectEx"],
        &[],
        &["object", "thread", "timeout", "alertable"],
    ),
    named(Api::Sleep, &["SleepEx"], &["for"], &["alertable"]),
    takes(Api::QueueUserAPC, &["thread"], &["apc"]),
    takes(Api::SuspendThread, &["thread"], &[]),
    takes(Api::ResumeThread, &["thread"], &[]),
    takes(Api::TerminateThread, &["thread"], &[]),
    takes(Api::ExitThread, &[], &[]),
    takes(Api::CloseHandle, &["object"], &[]),
    takes(
        Api::DuplicateHandle,
        &["object", "as"],
        &["process", "access", "close_source"],
    ),
];

/// The keys of every call.
pub const EVERY_CALL: &[&str] = &["call", "label", "counts"];

/// The steps that are no calls: the key that names the step, and the keys that go with it.
pub const STEPS: &[(&str, &[&str], &[&str])] = &[
    ("compute", &[], &[]),
    ("until", &[], &[]),
    ("repeat", &["do"], &[]),
    ("if", &[], &["do", "else"]),
    ("leave", &[], &[]),
    ("add", &["counter"], &[]),
    ("mark", &[], &[]),
    ("complete", &[], &["status", "bytes"]),
];

/// The laws of durations: the name, the keys that it must have, and those that it may have.
pub const LAWS: &[(&str, &[&str], &[&str])] = &[
    ("constant", &["mean"], &[]),
    ("exponential", &["mean"], &[]),
    ("uniform", &["from", "to"], &[]),
    ("log-normal", &["mean", "deviation"], &[]),
    ("pareto", &["mean", "shape"], &[]),
    ("erlang", &["mean", "stages"], &[]),
    ("empirical", &["values"], &["file", "column"]),
    ("sequence", &["values"], &["file", "column"]),
];

/// This key of a law, if any law has it.
pub fn law_key(name: &str) -> Option<&'static str> {
    LAWS.iter()
        .flat_map(|(_, required, optional)| required.iter().chain(optional.iter()))
        .copied()
        .find(|key| *key == name)
}

/// This key of a step, if any step has it.
pub fn step_key(name: &str) -> Option<&'static str> {
    let steps = STEPS.iter().flat_map(|(name, required, optional)| {
        std::iter::once(name)
            .chain(required.iter())
            .chain(optional.iter())
    });
    let calls = CALLS
        .iter()
        .flat_map(|call| call.required.iter().chain(call.optional));
    EVERY_CALL
        .iter()
        .chain(steps)
        .chain(calls)
        .copied()
        .find(|key| *key == name)
}

/// The signature of the call of this name.
pub fn call(name: &str) -> Option<&'static Signature> {
    CALLS
        .iter()
        .find(|signature| signature.api.name() == name || signature.also.contains(&name))
}

/// The names of all calls.
pub fn call_names() -> impl Iterator<Item = &'static str> {
    CALLS.iter().flat_map(|signature| {
        std::iter::once(signature.api.name()).chain(signature.also.iter().copied())
    })
}
