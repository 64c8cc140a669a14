//! One line out: results, threads, ports and refusals as the protocol writes them.

use super::session::Session;
use iocp_model::{NtStatus, Packet, PortId, PortLife, Returned, ThreadId};
use serde_json::{Map, Value, json};

impl Session {
    /// Packets that somebody got. Their forms are needed no longer when the step is over.
    pub(super) fn show_packets<'a>(
        &mut self,
        packets: impl IntoIterator<Item = &'a Packet>,
    ) -> Value {
        packets
            .into_iter()
            .map(|packet| {
                self.watch.delivered(packet.tag);
                self.forms.show(packet)
            })
            .collect()
    }

    /// The result of a dequeue that returned at once.
    pub(super) fn show_dequeued(&mut self, returned: &Returned) -> Value {
        let mut result = Map::new();
        result.insert("status".into(), status_name(returned).into());
        if !returned.packets.is_empty() {
            result.insert("packets".into(), self.show_packets(&returned.packets));
        }
        result.insert("return".into(), returned.success().into());
        let last_error = returned.last_error().map(|error| error.0);
        result.insert("last_error".into(), last_error.into());
        result.insert("nt_status".into(), returned.status.0.into());
        result.into()
    }

    /// A thread that has left its wait.
    pub(super) fn show_released(&mut self, thread: ThreadId, returned: &Returned) -> Value {
        let mut released = Map::new();
        let name = self.thread_names[thread.index()].as_str();
        released.insert("thread".into(), name.into());
        released.insert("status".into(), status_name(returned).into());
        if !returned.packets.is_empty() {
            released.insert("packets".into(), self.show_packets(&returned.packets));
        }
        released.into()
    }

    pub(super) fn show_ports(&self) -> Value {
        let ports = self.port_names.iter().enumerate();
        let ports = ports.filter_map(|(index, name)| {
            let id = PortId::new(index)?;
            Some((name.clone(), self.show_port(id)))
        });
        Value::Object(ports.collect())
    }

    /// A port as every answer shows it.
    pub(super) fn show_port(&self, id: PortId) -> Value {
        let port = self.system.port(id);
        let queue: Vec<_> = port
            .queue
            .iter()
            .map(|packet| self.forms.show(packet))
            .collect();
        json!({
            "limit": port.limit,
            "active": port.active,
            "queue": queue,
            "waiters": self.names(&port.waiters),
            "members": self.names(self.watch.members(id)),
            "closed": self.is_closed(id),
        })
    }

    /// Closed, in the sense of the kernel queue (T13): the last handle is, or it is run down.
    pub(super) fn is_closed(&self, id: PortId) -> bool {
        self.handles[id.index()].is_none() || self.system.port(id).life != PortLife::Open
    }

    pub(super) fn names(&self, threads: &[ThreadId]) -> Vec<&str> {
        let name = |thread: &ThreadId| self.thread_names[thread.index()].as_str();
        threads.iter().map(name).collect()
    }
}

/// How a call ended, in the protocol's words.
pub(super) fn status_name(returned: &Returned) -> &'static str {
    match returned.status {
        _ if !returned.packets.is_empty() => "packet",
        NtStatus::TIMEOUT => "timeout",
        NtStatus::USER_APC => "user_apc",
        NtStatus::ABANDONED_WAIT_0 => "abandoned",
        _ => "signaled",
    }
}

/// The answer to a request that was not carried out.
pub(super) fn refuse(refusal: &str) -> String {
    let mut letters = refusal.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with(['.', '?']) {
        sentence.push('.');
    }
    json!({ "ok": false, "error": sentence }).to_string()
}
