//! Threads under other names: for whoever wants to know whether two states are the same but for
//! which of several like threads is which.
//!
//! No rule looks at a thread's id, except to find the thread.

use crate::{Encoder, Frame, Kind, System, Target, ThreadId};
use std::vec::Vec;

impl System {
    /// Calls `see` with every mention of a thread, those in the threads' own frames last.
    fn each_mention(&mut self, mut see: impl FnMut(&mut ThreadId)) {
        for port in &mut self.ports {
            port.waiters.iter_mut().for_each(&mut see);
            port.direct.iter_mut().for_each(&mut see);
        }
        for object in &mut self.objects {
            object.waiters.iter_mut().for_each(&mut see);
            if let Kind::Mutex {
                owner: Some(owner), ..
            } = &mut object.kind
            {
                see(owner);
            }
        }
        for request in &mut self.requests {
            see(&mut request.thread);
        }
        for apc in &mut self.apcs {
            see(&mut apc.thread);
        }
        for taken in &mut self.collected {
            see(&mut taken.thread);
        }
        for thread in &mut self.threads {
            if let Frame::Wait(wait) = &mut thread.frame
                && let Target::Thread(other) = &mut wait.target
            {
                see(other);
            }
        }
    }

    /// The same with the threads in another order: in the place of the first is the one that `from`
    /// names first, and so on. `from` names every thread once.
    ///
    /// ```
    /// use iocp_model::{Action, Call, Profile, System, ThreadId, Timeout};
    /// let mut system = System::new(Profile::default().semantics, 2);
    /// let process = system.add_process();
    /// let (id, port) = system.add_port(process, 1);
    /// let (a, b) = (system.add_thread(process), system.add_thread(process));
    /// let get = Call::GetQueuedCompletionStatus { port, timeout: Timeout::Infinite };
    /// system.apply(Action::Call(a, get), &mut ())?;
    /// assert_eq!(system.port(id).waiters, [a]);
    /// let renamed = system.renamed(&[b, a]);
    /// assert_eq!(renamed.port(id).waiters, [b]);
    /// assert_eq!(renamed.thread(b), system.thread(a));
    /// # Ok::<(), iocp_model::NotEnabled>(())
    /// ```
    #[must_use]
    pub fn renamed(&self, from: &[ThreadId]) -> Self {
        let mut system = self.clone();
        let mut to: Vec<_> = self.thread_ids().collect();
        for (new, &old) in self.thread_ids().zip(from) {
            to[old.index()] = new;
            system.threads[new.index()].clone_from(&self.threads[old.index()]);
        }
        system.each_mention(|thread| *thread = to[thread.index()]);
        system
    }

    /// All that the system says of each thread: what it does, and where it is mentioned. Of two threads
    /// of which the same is said, and which no other thread waits for, either could be the other.
    pub fn said_of_threads(&self) -> Vec<Vec<u8>> {
        let (most, mut room) = (self.most_encoded(), Vec::new());
        let does = |thread| {
            let end = Encoder::write_at(&mut room, 0, most, |to| to.thread(thread));
            room[..end].to_vec()
        };
        let mut said: Vec<_> = self.threads.iter().map(does).collect();
        let mut place = 0_u32;
        // Looks at all, and changes none.
        self.clone().each_mention(|mentioned| {
            place += 1;
            said[mentioned.index()].extend(place.to_be_bytes());
        });
        said
    }
}
