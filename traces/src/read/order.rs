//! What must hold between the lines of a trace.

use super::{Line, ReadError};
use crate::{Event, Happening, Header};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// What the events so far have said.
#[derive(Debug)]
pub(super) struct Order {
    threads: BTreeMap<String, Thread>,
    ports: BTreeSet<String>,
    settled: Option<u64>,
    /// The latest time of any thread.
    latest_ns: u64,
}

/// What the events so far have said of one thread.
#[derive(Default, Debug)]
struct Thread {
    /// Its last time, and the line that gave it.
    last: Option<(u64, u64)>,
    /// The call that it is in, and the line of its begin.
    call: Option<(Cow<'static, str>, u64)>,
    /// The line of its end.
    ended: Option<u64>,
}

impl Order {
    pub(super) fn new(header: &Header, most_names: usize) -> Result<Self, ReadError> {
        let mut order = Self {
            threads: BTreeMap::new(),
            ports: BTreeSet::new(),
            settled: None,
            latest_ns: 0,
        };
        for (what, names) in [("threads", &header.threads), ("ports", &header.ports)] {
            if names.len() > most_names {
                return Err(ReadError::too_many_names(what, names.len(), most_names));
            }
        }
        for name in &header.threads {
            if order
                .threads
                .insert(name.clone(), Thread::default())
                .is_some()
            {
                return Err(ReadError::duplicate("thread", name));
            }
        }
        for name in &header.ports {
            if !order.ports.insert(name.clone()) {
                return Err(ReadError::duplicate("port", name));
            }
        }
        Ok(order)
    }

    pub(super) fn check(&mut self, line: Line<'_>, event: &Event<'_>) -> Result<(), ReadError> {
        if let Some(settled) = self.settled {
            return Err(ReadError::after_settled(line, settled));
        }
        match &event.what {
            Happening::Begin { thread, call, .. } => {
                let thread = self.acts(line, event, thread)?;
                if let Some((inside, begun)) = &thread.call {
                    return Err(ReadError::call_in_call(line, call, inside, *begun));
                }
                thread.call = Some((crate::event::known(call), line.number));
            }
            Happening::End { thread, call, .. } => {
                let thread = self.acts(line, event, thread)?;
                match &thread.call {
                    Some((inside, _)) if inside == call => thread.call = None,
                    Some((inside, begun)) => {
                        return Err(ReadError::end_of_another(line, call, inside, *begun));
                    }
                    None => return Err(ReadError::end_without_begin(line, call)),
                }
            }
            Happening::Until { thread, .. }
            | Happening::Reached { thread, .. }
            | Happening::Does { thread, .. } => {
                self.acts(line, event, thread)?;
            }
            Happening::Ends { thread } => {
                self.acts(line, event, thread)?.ended = Some(line.number);
            }
            Happening::Kernel(event) => {
                if let Some(thread) = &event.thread {
                    self.is_thread(line, thread, "thread")?;
                }
                if let Some(port) = &event.port {
                    self.is_port(line, port)?;
                }
            }
            Happening::Port(state) => {
                self.is_port(line, &state.port)?;
                for waiter in &state.waiters {
                    self.is_thread(line, waiter, "waiters")?;
                }
            }
            Happening::Settled {} => {
                if event.at_ns < self.latest_ns {
                    return Err(ReadError::settled_early(line, event.at_ns, self.latest_ns));
                }
                self.settled = Some(line.number);
            }
        }
        Ok(())
    }

    /// The thread that does something now.
    fn acts(
        &mut self,
        line: Line<'_>,
        event: &Event<'_>,
        name: &str,
    ) -> Result<&mut Thread, ReadError> {
        let Some(thread) = self.threads.get_mut(name) else {
            return Err(ReadError::unknown_name(line, "thread", "thread", name));
        };
        if let Some(ended) = thread.ended {
            return Err(ReadError::after_its_end(line, name, ended));
        }
        match thread.last {
            Some((last_ns, at)) if event.at_ns < last_ns => {
                return Err(ReadError::goes_back(line, name, event.at_ns, last_ns, at));
            }
            _ => thread.last = Some((event.at_ns, line.number)),
        }
        self.latest_ns = self.latest_ns.max(event.at_ns);
        Ok(thread)
    }

    fn is_thread(&self, line: Line<'_>, name: &str, field: &str) -> Result<(), ReadError> {
        if self.threads.contains_key(name) {
            Ok(())
        } else {
            Err(ReadError::unknown_name(line, field, "thread", name))
        }
    }

    /// A port of the header, or one that a thread created on the way: they are called `port-1`,
    /// `port-2` and so on.
    fn is_port(&self, line: Line<'_>, name: &str) -> Result<(), ReadError> {
        let created = name
            .strip_prefix("port-")
            .is_some_and(|number| number.parse::<u16>().is_ok());
        if created || self.ports.contains(name) {
            Ok(())
        } else {
            Err(ReadError::unknown_name(line, "port", "port", name))
        }
    }
}
