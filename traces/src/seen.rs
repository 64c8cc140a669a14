//! What a program sees of a call's result, and nothing else.
//!
//! The model knows more of a result than the call shows: that a packet's status was a warning, what
//! the depth was before an insert. A recording knows only what the call showed. [`SeenResult`] is
//! the common ground: both are brought to it before they are compared.

use iocp_model::{Api, NtStatus, Packet, Returned, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A value of up to 64 bits that a program passes through: a JSON number while those are exact (up
/// to 2^53), a hex string above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Number(pub u64);

impl Number {
    const EXACT: u64 = 1 << 53;

    /// Is it written as a JSON number?
    pub(crate) const fn is_exact(self) -> bool {
        self.0 <= Self::EXACT
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:#x}", self.0)
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_exact() {
            serializer.serialize_u64(self.0)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number from 0 to 2^53, or a string such as \"0x1f\" of up to 64 bits",
                )
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                if value <= Number::EXACT {
                    Ok(Number(value))
                } else {
                    Err(E::invalid_value(de::Unexpected::Unsigned(value), &self))
                }
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                match u64::try_from(value) {
                    Ok(value) => self.visit_u64(value),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.strip_prefix("0x")
                    .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                    .map(Number)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A packet as a dequeue shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenPacket {
    /// The completion key.
    pub key: Number,
    /// The context: the address of the `OVERLAPPED`, or what was posted.
    pub overlapped: Number,
    /// The byte count; `GetQueuedCompletionStatus` shows the low 32 bits (GQ-06).
    pub bytes: Number,
    /// The packet's status, where the call shows it: the NT layer's calls, and the `Internal` of a
    /// batch entry (GQX-02). `GetQueuedCompletionStatus` does not; it turns a failure into `FALSE`
    /// and a last error (GQ-05).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
}

/// The result of a call as its caller sees it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenResult {
    /// Win32: did it return `TRUE`, a handle, or another sign of success? NT: `NT_SUCCESS`.
    #[serde(rename = "return")]
    pub success: bool,
    /// `GetLastError`, where the call failed and sets it; or where a dequeue succeeded, which leaves
    /// it alone (GQ-04), and has set it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<u32>,
    /// The returned status, of calls that return one: those of the NT layer, and waits
    /// (`WAIT_OBJECT_0`, `WAIT_TIMEOUT` as `STATUS_TIMEOUT`, `WAIT_IO_COMPLETION`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// The packets taken, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packets: Vec<SeenPacket>,
    /// A count that the call gives: packets waiting, a previous suspend count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The user APCs that ran inside the call, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apcs: Vec<u32>,
}

impl SeenResult {
    /// What the caller sees of `returned`.
    ///
    /// ```
    /// use iocp_model::{Action, Call, Outcome, Profile, System, Timeout};
    /// use iocp_traces::SeenResult;
    ///
    /// let mut system = System::new(Profile::default().semantics, 1);
    /// let process = system.add_process();
    /// let (_, port) = system.add_port(process, 1);
    /// let thread = system.add_thread(process);
    /// let get = Call::GetQueuedCompletionStatus { port, timeout: Timeout::Zero };
    /// let Outcome::Returned(result) = system.apply(Action::Call(thread, get), &mut ())?
    /// else { unreachable!() };
    /// let seen = SeenResult::of(&result);
    /// assert_eq!((seen.success, seen.last_error), (false, Some(258)));
    /// # Ok::<(), iocp_model::NotEnabled>(())
    /// ```
    pub fn of(returned: &Returned) -> Self {
        let count = match (returned.api, returned.value) {
            (
                Api::NtQueryIoCompletion | Api::SuspendThread | Api::ResumeThread,
                Value::Count(count),
            ) => Some(count),
            // The depth before an insert, the entries of a timed-out batch (TMO-03: never rely on
            // it), a request's number: not for the caller to see.
            _ => None,
        };
        Self {
            success: returned.success(),
            last_error: returned.last_error().map(|error| error.0),
            status: returned.api.returns_status().then_some(returned.status.0),
            packets: returned
                .packets
                .iter()
                .map(|packet| SeenPacket::of(returned.api, packet))
                .collect(),
            count,
            apcs: returned.apcs.to_vec(),
        }
    }

    /// A word for what happened, for people: "packet", "timeout", "abandoned", "apc", "ok",
    /// "pending" or "failed".
    pub fn word(&self) -> &'static str {
        Self::word_of(
            self.success,
            self.last_error,
            self.status,
            !self.packets.is_empty(),
        )
    }

    /// The [`word`](Self::word) of a result that is not put together yet.
    pub fn word_of(
        success: bool,
        last_error: Option<u32>,
        status: Option<u32>,
        has_packet: bool,
    ) -> &'static str {
        const TIMEOUT: u32 = NtStatus::TIMEOUT.0;
        const ABANDONED: u32 = NtStatus::ABANDONED_WAIT_0.0;
        const USER_APC: u32 = NtStatus::USER_APC.0;
        const PENDING: u32 = NtStatus::PENDING.0;
        match (last_error, status) {
            _ if has_packet => "packet",
            (Some(258), _) | (_, Some(TIMEOUT)) => "timeout",
            (Some(735), _) | (_, Some(ABANDONED)) => "abandoned",
            (Some(192), _) | (_, Some(USER_APC)) => "apc",
            (Some(997), _) | (_, Some(PENDING)) => "pending",
            _ if success => "ok",
            _ => "failed",
        }
    }
}

impl SeenPacket {
    /// What `api` shows of a packet.
    pub fn of(api: Api, packet: &Packet) -> Self {
        let nt_layer = matches!(api, Api::NtRemoveIoCompletion | Api::NtRemoveIoCompletionEx);
        let batch = api == Api::GetQueuedCompletionStatusEx;
        Self {
            key: Number(packet.key),
            overlapped: Number(packet.overlapped),
            bytes: Number(if nt_layer {
                packet.information
            } else {
                packet.bytes().into()
            }),
            status: (nt_layer || batch).then_some(packet.status.0),
        }
    }
}
