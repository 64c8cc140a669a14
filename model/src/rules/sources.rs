//! What the short names of sources stand for.

/// The short names, and what they stand for. Names in a rule may go into detail: `M:sdk/OVERLAPPED`
/// is a page of `M:sdk`, `R:queue KiInsertQueue` a function in `R:queue`, `OV-119` a sentence of
/// `OV`.
pub static SOURCES: [(&str, &str); 47] = [
    // Microsoft's pages that the rule book goes through sentence by sentence.
    (
        "OV",
        "Microsoft, \"I/O Completion Ports\" (overview page), sentence number",
    ),
    (
        "CIO",
        "Microsoft, \"CreateIoCompletionPort function\", sentence number",
    ),
    (
        "WSP",
        "Microsoft, \"Overlapped Input/Output\" (Winsock service providers), sentence number",
    ),
    (
        "FT",
        "Microsoft, \"Generic data transport functions\" (Winsock service providers), table",
    ),
    ("NET", "Microsoft, \"Network I/O concepts\""),
    // ReactOS.
    ("R:queue", "ReactOS, ntoskrnl/ke/queue.c"),
    ("R:wait", "ReactOS, ntoskrnl/ke/wait.c"),
    ("R:sched", "ReactOS, ntoskrnl/ke/thrdschd.c"),
    ("R:thr", "ReactOS, ntoskrnl/ke/thrdobj.c"),
    ("R:ioc", "ReactOS, ntoskrnl/io/iomgr/iocomp.c"),
    ("R:irp", "ReactOS, ntoskrnl/io/iomgr/irp.c"),
    ("R:iof", "ReactOS, ntoskrnl/io/iomgr/iofunc.c"),
    ("R:k32", "ReactOS, dll/win32/kernel32/client/file/iocompl.c"),
    // Wine's conformance tests, which run on Windows; its own source is no evidence about Windows.
    ("W:nfile", "Wine, dlls/ntdll/tests/file.c"),
    ("W:nsync", "Wine, dlls/ntdll/tests/sync.c"),
    ("W:npipe", "Wine, dlls/ntdll/tests/pipe.c"),
    ("W:om", "Wine, dlls/ntdll/tests/om.c"),
    ("W:tp", "Wine, dlls/ntdll/tests/threadpool.c"),
    ("W:kfile", "Wine, dlls/kernel32/tests/file.c"),
    ("W:kpipe", "Wine, dlls/kernel32/tests/pipe.c"),
    ("W:kproc", "Wine, dlls/kernel32/tests/process.c"),
    ("W:sock", "Wine, dlls/ws2_32/tests/sock.c"),
    ("W:afd", "Wine, dlls/ws2_32/tests/afd.c"),
    (
        "W:drv",
        "Wine, dlls/ntoskrnl.exe/tests/ntoskrnl.c and driver.c",
    ),
    ("W:http", "Wine, dlls/httpapi/tests/httpapi.c"),
    (
        "W:srv",
        "Wine, server/completion.c and server/async.c (not evidence about Windows)",
    ),
    ("dlls", "Wine, the test file of this path"),
    (
        "Wine MR",
        "Wine, discussion of a merge request on completion ports",
    ),
    // Microsoft's documentation repositories.
    ("M:win32", "MicrosoftDocs/win32, desktop-src"),
    ("M:sdk", "MicrosoftDocs/sdk-api"),
    (
        "M:ddi",
        "MicrosoftDocs/windows-driver-docs-ddi (wdm, ntifs)",
    ),
    (
        "sdk-api PR",
        "MicrosoftDocs/sdk-api, pull request of this number",
    ),
    // Headers, measurements, libraries, articles.
    ("PHNT", "winsiderss/phnt, headers of the native API"),
    (
        "P11",
        "probes of Windows 11 published by the developer of a Wine fork",
    ),
    ("LIBUV", "libuv, src/win"),
    ("WEPOLL", "wepoll by piscisaureus"),
    ("ASIO", "asio by Christopher Kohlhoff, win_iocp_io_context"),
    ("MIO", "mio of tokio-rs, Windows selector"),
    ("GO", "Go runtime, netpoll_windows.go"),
    ("RC", "Raymond Chen, \"The Old New Thing\", of this date"),
    (
        "RUSS98",
        "M. Russinovich, \"Inside I/O Completion Ports\" (1998; only its opening)",
    ),
    (
        "SaneCppLibraries",
        "SaneCppLibraries, a comment in its source",
    ),
    (
        "public symbol dumps",
        "structure definitions in public dumps of Windows symbols",
    ),
    ("Windows Internals", "\"Windows Internals\", by hearsay"),
    ("issue trackers", "bug reports of several libraries"),
    ("various", "common practice in many servers"),
    ("POLLING", "smol-rs/polling, tests that run on Windows"),
];

/// What a source's short name stands for, detail after the name apart (`OV-119` stands for what
/// `OV` does). `None` for a name that is not in [`SOURCES`].
pub fn source(name: &str) -> Option<&'static str> {
    let is_detail = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    let stands_for = |short: &str| name.strip_prefix(short).is_some_and(is_detail);
    SOURCES
        .iter()
        .find(|(short, _)| stands_for(short))
        .map(|&(_, what)| what)
}
