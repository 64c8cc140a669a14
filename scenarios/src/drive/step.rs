//! One step of a session: an action, and all that follows from it before the next line is read.

use super::session::Session;
use iocp_model::{Action, NotEnabled, Outcome, ThreadId};
use serde_json::Value;

impl Session {
    /// One action of the model's, watched.
    pub(super) fn apply(&mut self, action: Action) -> Result<Outcome, NotEnabled> {
        self.system.apply(action, &mut self.watch)
    }

    /// The end of every step: whoever was woken goes on, until nobody can.
    ///
    /// A batch dequeuer takes just what it was handed (`more: 0`): how many others it would collect
    /// is not known (GQX-07, OPEN-3), and this is the one answer that every kernel may give.
    pub(super) fn settle(&mut self) -> Vec<Value> {
        let mut released = Vec::new();
        while let Some(thread) = self.watch.next_woken() {
            if !self.system.thread(thread).can_return() {
                continue;
            }
            if let Ok(Outcome::Returned(returned)) = self.go_on(thread) {
                released.push(self.show_released(thread, &returned));
            }
        }
        for tag in self.watch.take_gone() {
            self.forms.forget(tag);
        }
        #[cfg(debug_assertions)]
        self.audit();
        released
    }

    /// The thread goes on in its call, as far as it can: a batch dequeue that takes packet after
    /// packet (Wine) takes them with nothing between them.
    pub(super) fn go_on(&mut self, thread: ThreadId) -> Result<Outcome, NotEnabled> {
        let goes_on = Action::Return { thread, more: 0 };
        let mut outcome = self.apply(goes_on)?;
        while outcome == Outcome::Blocked && self.system.thread(thread).can_return() {
            outcome = self.apply(goes_on)?;
        }
        Ok(outcome)
    }

    /// All invariants, after every step of a debug build.
    #[cfg(debug_assertions)]
    fn audit(&mut self) {
        const BUG: &str = "a bug in iocp-lab; please report it with the requests that led here";
        if let Err(violation) = self.watch.audit.check(&self.system) {
            panic!("{BUG}: {violation}");
        }
        let threads = self.system.threads();
        if let Some(thread) = threads.iter().find(|thread| thread.can_return()) {
            panic!("{BUG}: a thread is half-way between two requests: {thread:?}");
        }
    }
}
