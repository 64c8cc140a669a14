//! Each recording in a process of its own.
//!
//! A recorded thread may hang for ever: under Wine 8 a thread that waits on a port stays there
//! when the port is closed. Ending such threads one by one leaves a process in an unknown state;
//! ending the process does not. So the program starts itself again for each recording, and a
//! recording that takes too long is ended from outside.

use super::{Options, RecordError, Recording, record_here};
use crate::{Program, Workload};
use iocp_traces::{Trace, Writer};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};

/// Set in the environment of a process that is to record and nothing else.
const VARIABLE: &str = "IOCP_LAB_RECORDS";

/// How much longer than its own watchdog a process may take: it starts, and hands its recording
/// over.
const GRACE: Duration = Duration::from_secs(30);

/// What a process is asked to record.
#[derive(Serialize, Deserialize)]
struct Order {
    workload: Workload,
    options: Options,
}

/// Records the program in a process of its own: this program, started again. Its `main` must begin
/// with [`child`].
///
/// # Errors
/// If the program cannot be recorded here, or the run is not over in time.
pub fn record(program: &Program, options: &Options) -> Result<Recording, RecordError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| RecordError::Child(format!("{what}: {error}"))
    };
    let order = Order {
        workload: program.workload.clone(),
        options: *options,
    };
    let order = serde_json::to_vec(&order).map_err(|error| {
        RecordError::Child(format!("the scenario cannot be passed on: {error}"))
    })?;
    let own = std::env::current_exe().map_err(failed("where is this program"))?;
    let mut child = Command::new(own)
        .env(VARIABLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(failed("it did not start"))?;
    let mut input = child.stdin.take();
    let mut output = child.stdout.take();
    // Two threads, so that neither direction can block the other, nor either the watchdog.
    let writer = thread::spawn(move || match &mut input {
        Some(input) => input.write_all(&order),
        None => Ok(()),
    });
    let reader = thread::spawn(move || {
        let mut answer = Vec::new();
        match &mut output {
            Some(output) => output.read_to_end(&mut answer).map(|_| answer),
            None => Ok(answer),
        }
    });
    let status = wait(&mut child, options.watchdog.saturating_add(GRACE))?;
    let broken = || RecordError::Child("its answer was not read".into());
    let answer = reader
        .join()
        .map_err(|_| broken())?
        .map_err(failed("its answer could not be read"))?;
    // That the order was not taken shows in the answer.
    drop(writer.join());
    understand(&answer, &status)
}

/// Waits for the process to end; ends it when it takes too long.
fn wait(child: &mut Child, limit: Duration) -> Result<String, RecordError> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.to_string()),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                // It may end just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(RecordError::Hung { after: limit });
            }
            Err(error) => return Err(RecordError::Child(error.to_string())),
        }
    }
}

fn understand(answer: &[u8], status: &str) -> Result<Recording, RecordError> {
    let mut lines = answer.splitn(2, |byte| *byte == b'\n');
    match (lines.next(), lines.next()) {
        (Some(b"recorded"), Some(trace)) => Trace::read(trace)
            .map_err(|error| RecordError::Child(format!("its recording cannot be read: {error}"))),
        (Some(b"failed"), Some(error)) => Err(serde_json::from_slice(error)
            .unwrap_or_else(|error| RecordError::Child(error.to_string()))),
        _ => Err(RecordError::Child(format!(
            "it ended without an answer ({status})"
        ))),
    }
}

/// The first thing for `main` to do: if [`record`] started this process, records, and does not
/// return.
pub fn child() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    let code = match answer() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("iocp: {error}");
            3
        }
    };
    loop {
        // Threads may hang, and waiting for them or running what libraries do at the end could
        // hang too.
        // SAFETY: nothing of this process is needed any more; its answer is written.
        unsafe { TerminateProcess(GetCurrentProcess(), code) };
    }
}

fn answer() -> io::Result<()> {
    let mut order = Vec::new();
    io::stdin().lock().read_to_end(&mut order)?;
    let order: Order = serde_json::from_slice(&order)?;
    let result = match Program::compile(&order.workload) {
        Ok(program) => record_here(&program, &order.options),
        Err(error) => Err(RecordError::Child(error.to_string())),
    };
    let mut answer = Vec::new();
    match result {
        Ok(recording) => {
            answer.extend_from_slice(b"recorded\n");
            let mut writer = Writer::new(answer, &recording.header)?;
            for event in &recording.events {
                writer.event(event)?;
            }
            answer = writer.finish()?;
        }
        Err(error) => {
            answer.extend_from_slice(b"failed\n");
            serde_json::to_writer(&mut answer, &error)?;
        }
    }
    let mut out = io::stdout().lock();
    out.write_all(&answer)?;
    out.flush()
}
