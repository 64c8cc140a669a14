//! Section 7 of the book: questions that no public source answers. A recording of real Windows
//! would.

use super::{
    ASSOC_05, CLOSE_08, CONC_11, EVT_02, EVT_07, GQX_07, KQ_04, KQ_09, KQ_12, KQ_14, PORT_17,
    PORT_18, POST_04, RuleId, THR_07,
};

/// An open question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The id, such as `OPEN-1`.
    pub id: &'static str,
    /// The rules that hang on the answer.
    pub rules: &'static [RuleId],
    /// The question, and what the model does meanwhile if that needs saying.
    pub says: &'static str,
}

/// Makes the table.
macro_rules! questions {
    ($($id:literal { rules: [$($rule:ident),+], says: $says:literal, })+) => {
        /// The open questions.
        pub static QUESTIONS: [Question; [$($id),+].len()] =
            [$(Question { id: $id, rules: &[$($rule),+], says: $says }),+];
    };
}

questions! {
    "OPEN-1" {
        rules: [KQ_09],
        says: "On modern Windows, does a zero-timeout GetQueuedCompletionStatus on a port at its limit return 258 although packets are queued? The source of NT 5 says so, no test shows it. To settle it: limit 1, thread A active, one packet queued, thread B polls.",
    }
    "OPEN-2" {
        rules: [KQ_12],
        says: "On Windows 10 and later, does a kernel APC still move a blocked dequeuer to the top of the stack?",
    }
    "OPEN-3" {
        rules: [GQX_07],
        says: "How many packets does a GetQueuedCompletionStatusEx return with that was blocked and has been woken?",
    }
    "OPEN-4" {
        rules: [EVT_02, EVT_07],
        says: "On Windows 8 to 11, do completions signal the handle of a pipe with a port and a completion context? Sources conflict, see DIS-04.",
    }
    "OPEN-5" {
        rules: [POST_04],
        says: "With which status is a reserve object refused that is used again while its packet is queued?",
    }
    "OPEN-6" {
        rules: [CLOSE_08],
        says: "What do dequeuers see if the last handle of a port is closed while files still refer to it?",
    }
    "OPEN-7" {
        rules: [THR_07],
        says: "If a thread is killed between being handed a packet and returning with it, does modern Windows queue the packet again? In NT 5 it is lost.",
    }
    "OPEN-8" {
        rules: [CONC_11],
        says: "When does SuspendThread lower the active count for a thread that is in user mode? In the model it does so in a separate step in which the suspension takes effect, as if the APC were delivered then.",
    }
    "OPEN-9" {
        rules: [ASSOC_05],
        says: "Which status refuses a FileReplaceCompletionInformation?",
    }
    "OPEN-10" {
        rules: [PORT_17, PORT_18],
        says: "If the depth goes from 0 to 1 while the limit is reached, are all threads released that wait on the handle itself, or only one? The tests know ports without an effective limit only.",
    }
    "OPEN-11" {
        rules: [KQ_04, KQ_14],
        says: "In ReactOS a remove that returned without waiting leaves the thread's wait reason at \"queue\", until the thread makes another wait call or a remove that does wait. An insert by that thread into its own queue then counts as the case of KQ-04: the packet is queued and no waiter woken although a slot is free, and the next ordinary insert gives the newest waiter a packet newer than the queued one. Does Windows do this? The model does so in its ReactOS profile only.",
    }
}
