//! Numbers as the caller writes them.
//!
//! The model knows values. The protocol promises more: an answer repeats the form in which a
//! number was sent. [`FormTable`] keeps the forms of the packets under way; a packet finds its own
//! by its tag, the mark that the model carries along and never reads.

use iocp_model::{NtStatus, Packet};
use serde_json::{Value, json};

/// The largest number that every JSON implementation keeps exactly: 2^53.
pub(super) const MOST_EXACT: u64 = 1 << 53;

/// What a number of up to 64 bits may look like, for sentences.
pub(super) const WIDE: &str = "a number from 0 to 2^53 or a string \"0x…\" of up to 64 bits";

/// What a status may look like, for sentences.
pub(super) const STATUS: &str =
    "a number from 0 to 4294967295 or a string \"0x…\" of up to 32 bits";

/// How a number was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Not at all: `null`.
    Absent,
    /// As a JSON number.
    Number,
    /// As this string.
    Text(Box<str>),
}

impl Form {
    fn show(&self, value: u64) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Number => json!(value),
            Self::Text(text) => json!(text),
        }
    }
}

/// Reads a number of up to 64 bits: a JSON integer up to 2^53, or a string `"0x…"`.
pub(super) fn wide(value: &Value) -> Option<(u64, Form)> {
    match value {
        Value::Number(number) => number
            .as_u64()
            .filter(|&number| number <= MOST_EXACT)
            .map(|number| (number, Form::Number)),
        Value::String(text) => {
            let digits = text.strip_prefix("0x")?;
            // `from_str_radix` alone would take a sign, and any number of zeros.
            let plain = digits.len() <= 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let number = plain.then(|| u64::from_str_radix(digits, 16).ok())??;
            Some((number, Form::Text(text.as_str().into())))
        }
        _ => None,
    }
}

/// Reads an `NTSTATUS`.
pub(super) fn status(value: &Value) -> Option<(NtStatus, Form)> {
    let (number, form) = wide(value)?;
    Some((NtStatus(u32::try_from(number).ok()?), form))
}

/// How the four numbers of a packet were written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Forms {
    pub(super) key: Form,
    pub(super) bytes: Form,
    pub(super) overlapped: Form,
    pub(super) status: Form,
}

impl Forms {
    /// Of a packet without anything special: most of them.
    const PLAIN: Self = Self {
        key: Form::Number,
        bytes: Form::Number,
        overlapped: Form::Absent,
        status: Form::Number,
    };
}

/// The forms of the packets that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct FormTable {
    /// The forms of tag `n + 1` at place `n`. Tag 0 is [`Forms::PLAIN`].
    places: Vec<Option<Forms>>,
    free: Vec<u32>,
}

impl FormTable {
    /// Keeps the forms of one more packet, and says which tag the packet carries.
    pub(super) fn keep(&mut self, forms: Forms) -> u32 {
        if forms == Forms::PLAIN {
            return 0;
        }
        if let Some(tag) = self.free.pop() {
            self.places[tag as usize - 1] = Some(forms);
            return tag;
        }
        self.places.push(Some(forms));
        self.places.len() as u32
    }

    /// The packet with this tag is no longer under way.
    pub(super) fn forget(&mut self, tag: u32) {
        let place = (tag as usize)
            .checked_sub(1)
            .and_then(|place| self.places.get_mut(place));
        if place.and_then(Option::take).is_some() {
            self.free.push(tag);
        }
    }

    /// The packet as the protocol shows it.
    pub(super) fn show(&self, packet: &Packet) -> Value {
        let forms = (packet.tag as usize)
            .checked_sub(1)
            .and_then(|place| self.places.get(place)?.as_ref())
            .unwrap_or(&Forms::PLAIN);
        json!({
            "key": forms.key.show(packet.key),
            "bytes": forms.bytes.show(packet.information),
            "overlapped": forms.overlapped.show(packet.overlapped),
            "status": forms.status.show(packet.status.0.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_limits_and_no_further() {
        let value = |json| wide(&json).map(|(value, _)| value);
        assert_eq!(value(json!(MOST_EXACT)), Some(MOST_EXACT));
        assert_eq!(value(json!(MOST_EXACT + 1)), None);
        assert_eq!(value(json!("0xffffffffffffffff")), Some(u64::MAX));
        assert_eq!(value(json!("0x1ffffffffffffffff")), None);
        for wrong in [
            json!("0x"),
            json!("0x+1"),
            json!("0x 1"),
            json!("1f"),
            json!("0X1"),
            json!(-1),
            json!(1.0),
            json!(null),
            json!([1]),
            json!(true),
        ] {
            assert_eq!(value(wrong.clone()), None, "{wrong}");
        }
        assert_eq!(
            status(&json!("0xC0000120")).map(|(status, _)| status),
            Some(NtStatus::CANCELLED)
        );
        assert_eq!(status(&json!("0x1C0000120")), None);
    }

    #[test]
    fn a_form_is_kept_as_long_as_its_packet_and_its_place_is_used_again() {
        let mut table = FormTable::default();
        let hex = |text: &str| Forms {
            key: Form::Text(text.into()),
            ..Forms::PLAIN
        };
        assert_eq!(table.keep(Forms::PLAIN), 0);
        let first = table.keep(hex("0x0A"));
        let second = table.keep(hex("0x0b"));
        table.forget(first);
        table.forget(first);
        table.forget(0);
        table.forget(99);
        assert_eq!(table.keep(hex("0xC")), first);
        let packet = Packet {
            key: 11,
            tag: second,
            ..Packet::default()
        };
        assert_eq!(table.show(&packet)["key"], "0x0b");
    }
}
