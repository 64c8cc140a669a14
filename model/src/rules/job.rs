//! Section 1.20: job objects that report to a port.

use super::texit as previous;

rules! {
    /// JOB-01
    JOB_01 "JOB-01" {
        layer: Job,
        confidence: [Documented, Tested],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/JOBOBJECT_ASSOCIATE_COMPLETION_PORT", "W:kproc"],
        says: "JobObjectAssociateCompletionPortInformation gives a job a port and a key; its messages then arrive as packets with that key, the message id as byte count, and a process id or NULL as overlapped.",
    }

    /// JOB-02
    JOB_02 "JOB-02" {
        layer: Job,
        confidence: [Documented],
        versions: "all",
        kind: Device,
        sources: ["M:sdk/JOBOBJECT_ASSOCIATE_COMPLETION_PORT"],
        says: "Message ids: 1 END_OF_JOB_TIME, 2 END_OF_PROCESS_TIME, 3 ACTIVE_PROCESS_LIMIT, 4 ACTIVE_PROCESS_ZERO, 6 NEW_PROCESS, 7 EXIT_PROCESS, 8 ABNORMAL_EXIT_PROCESS, 9 PROCESS_MEMORY_LIMIT, 10 JOB_MEMORY_LIMIT, 11 NOTIFICATION_LIMIT. Ids 1, 3 and 4 carry NULL, the others the process id.",
    }

    /// JOB-03
    JOB_03 "JOB-03" {
        layer: Job,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:kproc"],
        says: "Processes that are in the job when the port is set are reported with NEW_PROCESS, in the order in which they joined it.",
    }

    /// JOB-04
    JOB_04 "JOB-04" {
        layer: Job,
        confidence: [Tested],
        versions: "all",
        kind: Device,
        sources: ["W:kproc"],
        says: "At the end each process gives EXIT_PROCESS, and the last one is followed by ACTIVE_PROCESS_ZERO.",
    }

    /// JOB-05
    JOB_05 "JOB-05" {
        layer: Job,
        confidence: [Documented, Tested],
        versions: "8+",
        kind: Device,
        sources: ["M:win32/ProcThread/nested-jobs", "W:kproc test_nested_jobs"],
        says: "In nested jobs an event goes to the port of each job in the chain, the innermost first.",
    }

    /// JOB-06
    JOB_06 "JOB-06" {
        layer: Job,
        confidence: [Documented],
        versions: "8+",
        kind: Device,
        sources: ["M:sdk"],
        says: "Setting a NULL port ends the association; a job has one at a time. The documentation guarantees delivery for NOTIFICATION_LIMIT only.",
    }

    /// JOB-07
    JOB_07 "JOB-07" {
        layer: Job,
        confidence: [Tested],
        versions: "10+",
        kind: Device,
        sources: ["W:kproc"],
        says: "Creating a process with a list of jobs that then fails with ERROR_ACCESS_DENIED still sends NEW_PROCESS, EXIT_PROCESS and ACTIVE_PROCESS_ZERO for the first job.",
    }
}
