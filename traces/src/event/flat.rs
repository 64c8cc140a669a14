//! A line as it stands in the file: every field that any kind of event has, before it is known
//! whether they belong together.
//!
//! serde could derive this (`tag` and `flatten`), but then it first collects each line in a tree,
//! which is slow, lets unknown fields pass, and forgets where in the line things stood.

use super::{Change, Event, Happening, KernelEvent, PortState};
use crate::seen::{Number, SeenPacket, SeenResult};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value},
};
use std::{borrow::Cow, fmt};

/// All the fields, none of them checked against the others.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an event: an object with `t` and `event`"
)]
pub(crate) struct Flat<'a> {
    t: u64,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    thread: Option<Text<'a>>,
    #[serde(borrow, default)]
    call: Option<Text<'a>>,
    #[serde(borrow, default)]
    with: Option<Text<'a>>,
    #[serde(rename = "return", default)]
    success: Option<bool>,
    #[serde(default)]
    last_error: Option<u32>,
    #[serde(default)]
    status: Option<u32>,
    #[serde(default)]
    packets: Option<Vec<SeenPacket>>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    apcs: Option<Vec<u32>>,
    #[serde(borrow, default)]
    condition: Option<Text<'a>>,
    #[serde(default)]
    seen: Option<bool>,
    #[serde(borrow, default)]
    what: Option<Text<'a>>,
    #[serde(borrow, default)]
    port: Option<Text<'a>>,
    #[serde(default)]
    key: Option<Number>,
    #[serde(default)]
    depth: Option<u32>,
    #[serde(default)]
    active: Option<u32>,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(borrow, default)]
    waiters: Option<Vec<Text<'a>>>,
}

/// Text that borrows from the line where it can. (serde borrows a `Cow` only when it is not inside
/// an `Option` or a `Vec`.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Fields that make no event together.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// The field that is wrong; nothing when it is missing.
    pub(crate) field: Option<&'static str>,
    /// Is it the kind of event that nobody knows?
    pub(crate) unknown_kind: bool,
    message: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Misfit {
    fn missing(field: &'static str, kind: &str) -> Self {
        Self {
            field: None,
            unknown_kind: false,
            message: format!("an event of kind `{kind}` needs the field `{field}`"),
        }
    }

    fn extra(field: &'static str, kind: &str) -> Self {
        Self {
            field: Some(field),
            unknown_kind: false,
            message: format!("an event of kind `{kind}` has no field `{field}`"),
        }
    }

    fn unknown_kind(kind: &str) -> Self {
        Self {
            field: Some("event"),
            unknown_kind: true,
            message: format!(
                "there is no kind of event `{}`; there are {}",
                kind.escape_debug(),
                KINDS.map(|kind| format!("`{kind}`")).join(", ")
            ),
        }
    }

    fn unknown_change(error: &value::Error) -> Self {
        Self {
            field: Some("what"),
            unknown_kind: true,
            message: error.to_string(),
        }
    }
}

const KINDS: [&str; 9] = [
    "begin", "end", "until", "reached", "does", "ends", "kernel", "port", "settled",
];

/// Takes a field that must be there.
macro_rules! need {
    ($flat:ident . $field:ident, $kind:ident) => {
        need!($flat.$field, stringify!($field), $kind)
    };
    ($flat:ident . $field:ident, $name:expr, $kind:ident) => {
        $flat
            .$field
            .take()
            .ok_or_else(|| Misfit::missing($name, $kind))?
    };
}

impl<'a> TryFrom<Flat<'a>> for Event<'a> {
    type Error = Misfit;

    fn try_from(mut flat: Flat<'a>) -> Result<Self, Misfit> {
        let kind = std::mem::take(&mut flat.event);
        let kind = &*kind;
        let what = match kind {
            "begin" => Happening::Begin {
                thread: need!(flat.thread, kind).0,
                call: need!(flat.call, kind).0,
                with: flat.with.take().map_or(Cow::Borrowed(""), |text| text.0),
            },
            "end" => Happening::End {
                thread: need!(flat.thread, kind).0,
                call: need!(flat.call, kind).0,
                result: Cow::Owned(SeenResult {
                    success: need!(flat.success, "return", kind),
                    last_error: flat.last_error.take(),
                    status: flat.status.take(),
                    packets: flat.packets.take().unwrap_or_default(),
                    count: flat.count.take(),
                    apcs: flat.apcs.take().unwrap_or_default(),
                }),
            },
            "until" => Happening::Until {
                thread: need!(flat.thread, kind).0,
                condition: need!(flat.condition, kind).0,
            },
            "reached" => Happening::Reached {
                thread: need!(flat.thread, kind).0,
                condition: need!(flat.condition, kind).0,
                seen: need!(flat.seen, kind),
            },
            "does" => Happening::Does {
                thread: need!(flat.thread, kind).0,
                what: need!(flat.what, kind).0,
            },
            "ends" => Happening::Ends {
                thread: need!(flat.thread, kind).0,
            },
            "kernel" => {
                let what = need!(flat.what, kind).0;
                Happening::Kernel(KernelEvent {
                    what: Change::deserialize((*what).into_deserializer())
                        .map_err(|error| Misfit::unknown_change(&error))?,
                    thread: flat.thread.take().map(|text| text.0),
                    port: flat.port.take().map(|text| text.0),
                    key: flat.key.take(),
                })
            }
            "port" => Happening::Port(PortState {
                port: need!(flat.port, kind).0,
                depth: need!(flat.depth, kind),
                active: need!(flat.active, kind),
                limit: need!(flat.limit, kind),
                waiters: need!(flat.waiters, kind)
                    .into_iter()
                    .map(|text| text.0)
                    .collect(),
            }),
            "settled" => Happening::Settled {},
            _ => return Err(Misfit::unknown_kind(kind)),
        };
        match flat.left() {
            Some(field) => Err(Misfit::extra(field, kind)),
            None => Ok(Self {
                at_ns: flat.t,
                what,
            }),
        }
    }
}

impl Flat<'_> {
    /// A field that nobody took.
    fn left(&self) -> Option<&'static str> {
        let Self {
            t: _,
            event: _,
            thread,
            call,
            with,
            success,
            last_error,
            status,
            packets,
            count,
            apcs,
            condition,
            seen,
            what,
            port,
            key,
            depth,
            active,
            limit,
            waiters,
        } = self;
        let fields = [
            ("thread", thread.is_some()),
            ("call", call.is_some()),
            ("with", with.is_some()),
            ("return", success.is_some()),
            ("last_error", last_error.is_some()),
            ("status", status.is_some()),
            ("packets", packets.is_some()),
            ("count", count.is_some()),
            ("apcs", apcs.is_some()),
            ("condition", condition.is_some()),
            ("seen", seen.is_some()),
            ("what", what.is_some()),
            ("port", port.is_some()),
            ("key", key.is_some()),
            ("depth", depth.is_some()),
            ("active", active.is_some()),
            ("limit", limit.is_some()),
            ("waiters", waiters.is_some()),
        ];
        fields
            .into_iter()
            .find_map(|(name, left)| left.then_some(name))
    }
}
