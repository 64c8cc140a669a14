//! One line in: from bytes to a [`Request`], or a sentence that says what is wrong with it.
//!
//! A request is read in full before anything is done, so that a malformed one changes nothing.

use super::number::{self, Form, Forms};
use iocp_model::{Origin, Packet, Timeout};
use serde_json::{Map, Value};

/// Why a request was not carried out: a sentence, or the makings of one.
pub(super) type Refusal = String;

/// What a line asks for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Request {
    Port {
        port: String,
        limit: u32,
        processors: Option<u16>,
    },
    Thread(String),
    Post {
        thread: Option<String>,
        post: Post,
    },
    Dequeue {
        thread: String,
        port: String,
        timeout: Timeout,
        /// `None` asks for the call that takes one packet.
        max: Option<u16>,
        alertable: bool,
    },
    Block {
        thread: String,
        timeout: Timeout,
        alertable: bool,
    },
    /// Something about one thread and nothing else.
    Deed(String, Deed),
    KernelApc {
        thread: String,
        post: Option<Post>,
    },
    Close(String),
    RunDown(String),
    State,
    Reset,
    Save,
    Load(Value),
}

/// What happens to a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    Unblock,
    Poll,
    Expire,
    Suspend,
    Resume,
    UserApc,
    Exit,
    Kill,
}

/// A packet and where it goes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Post {
    pub(super) port: String,
    pub(super) packet: Packet,
    pub(super) forms: Forms,
    pub(super) head: bool,
}

/// Every operation with the fields that it takes besides `op`.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("port", &["port", "limit", "processors"]),
    ("thread", &["thread"]),
    (
        "post",
        &[
            "port",
            "key",
            "thread",
            "bytes",
            "overlapped",
            "status",
            "head",
        ],
    ),
    (
        "dequeue",
        &["thread", "port", "timeout", "max", "alertable"],
    ),
    ("block", &["thread", "timeout", "alertable"]),
    ("unblock", &["thread"]),
    ("poll", &["thread"]),
    ("expire", &["thread"]),
    ("suspend", &["thread"]),
    ("resume", &["thread"]),
    ("user_apc", &["thread"]),
    ("kernel_apc", &["thread", "post"]),
    ("exit", &["thread"]),
    ("kill", &["thread"]),
    ("close", &["port"]),
    ("rundown", &["port"]),
    ("state", &[]),
    ("reset", &[]),
    ("save", &[]),
    ("load", &["state"]),
];

/// The fields of the packet that a kernel APC queues.
const APC_POST: &[&str] = &["port", "key", "bytes", "overlapped", "status", "head"];

/// The fields of a packet in an answer, and in a saved state.
const PACKET: &[&str] = &["key", "bytes", "overlapped", "status"];

/// Longest text, in characters, that a sentence quotes in full or looks for a near name of.
const MOST_QUOTED: usize = 40;

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Result<Request, Refusal> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Err("the line is blank; a request is a JSON object with the field \"op\"".into());
    }
    let value: Value = serde_json::from_slice(line).map_err(|error| {
        let place = error.column();
        match error.classify() {
            serde_json::error::Category::Eof => {
                format!("the line is not JSON: it ends too early, after {place} bytes")
            }
            _ => format!("the line is not JSON, from byte {place} on: {error}"),
        }
    })?;
    let Value::Object(mut map) = value else {
        return Err(format!(
            "a request is a JSON object with the field \"op\", not {}",
            quote(&value)
        ));
    };
    let operation = match map.remove("op") {
        Some(Value::String(operation)) => operation,
        Some(other) => return Err(expected("op", "the name of an operation", &other)),
        None => return Err("the field \"op\" is missing: the name of an operation".into()),
    };
    let Some(&(operation, known)) = OPERATIONS.iter().find(|(name, _)| *name == operation) else {
        let names: Vec<_> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "there is no operation {}{}",
            quote_text(&operation),
            hint(&operation, &names)
        ));
    };
    let mut fields = Fields::new(map, operation, known)?;
    Ok(match operation {
        "port" => Request::Port {
            port: fields.name("port")?,
            limit: fields.integer("limit", 0, u32::MAX)?.ok_or_else(|| {
                missing(
                    "limit",
                    "the concurrency limit, 0 for the number of processors",
                )
            })?,
            processors: fields.integer("processors", 1, u16::MAX)?,
        },
        "thread" => Request::Thread(fields.name("thread")?),
        "post" => Request::Post {
            thread: fields.optional_name("thread")?,
            post: fields.post()?,
        },
        "dequeue" => Request::Dequeue {
            thread: fields.name("thread")?,
            port: fields.name("port")?,
            timeout: fields.timeout(true)?,
            max: fields.integer("max", 1, u16::MAX)?,
            alertable: fields.flag("alertable")?,
        },
        "block" => Request::Block {
            thread: fields.name("thread")?,
            timeout: fields.timeout(false)?,
            alertable: fields.flag("alertable")?,
        },
        "unblock" => Request::Deed(fields.name("thread")?, Deed::Unblock),
        "poll" => Request::Deed(fields.name("thread")?, Deed::Poll),
        "expire" => Request::Deed(fields.name("thread")?, Deed::Expire),
        "suspend" => Request::Deed(fields.name("thread")?, Deed::Suspend),
        "resume" => Request::Deed(fields.name("thread")?, Deed::Resume),
        "user_apc" => Request::Deed(fields.name("thread")?, Deed::UserApc),
        "exit" => Request::Deed(fields.name("thread")?, Deed::Exit),
        "kill" => Request::Deed(fields.name("thread")?, Deed::Kill),
        "kernel_apc" => Request::KernelApc {
            thread: fields.name("thread")?,
            post: match fields.take("post") {
                None => None,
                Some(Value::Object(map)) => Some(Fields::new(map, "post", APC_POST)?.post()?),
                Some(other) => return Err(expected("post", "an object", &other)),
            },
        },
        "close" => Request::Close(fields.name("port")?),
        "rundown" => Request::RunDown(fields.name("port")?),
        "state" => Request::State,
        "reset" => Request::Reset,
        "save" => Request::Save,
        _ => Request::Load(
            fields
                .take("state")
                .ok_or_else(|| missing("state", "what \"save\" answered"))?,
        ),
    })
}

/// Reads a packet as answers show it.
pub(super) fn read_packet(value: Value) -> Result<(Packet, Forms), Refusal> {
    match value {
        Value::Object(map) => Fields::new(map, "a packet", PACKET)?.packet(),
        other => Err(format!("a packet is an object, not {}", quote(&other))),
    }
}

/// The fields of an object, all of them known ones.
struct Fields(Map<String, Value>);

impl Fields {
    fn new(map: Map<String, Value>, whose: &str, known: &[&str]) -> Result<Self, Refusal> {
        match map.keys().find(|field| !known.contains(&field.as_str())) {
            None => Ok(Self(map)),
            Some(field) => Err(format!(
                "{} is not a field of {whose}{}",
                quote_text(field),
                hint(field, known)
            )),
        }
    }

    /// The value of a field. `null` says the same as leaving the field out.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field).filter(|value| !value.is_null())
    }

    fn optional_name(&mut self, field: &str) -> Result<Option<String>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(name)) => Ok(Some(name)),
            Some(other) => Err(expected(field, "a name, as a string", &other)),
        }
    }

    fn name(&mut self, field: &str) -> Result<String, Refusal> {
        self.optional_name(field)?
            .ok_or_else(|| missing(field, "a name, as a string"))
    }

    fn flag(&mut self, field: &str) -> Result<bool, Refusal> {
        match self.take(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(expected(field, "true or false", &other)),
        }
    }

    fn integer<N: TryFrom<u64> + Into<u64> + Copy>(
        &mut self,
        field: &str,
        least: u64,
        most: N,
    ) -> Result<Option<N>, Refusal> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        value
            .as_u64()
            .filter(|&number| number >= least)
            .and_then(|number| N::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| {
                let range = format!("an integer from {least} to {}", most.into());
                expected(field, &range, &value)
            })
    }

    fn timeout(&mut self, zero: bool) -> Result<Timeout, Refusal> {
        let wanted = if zero {
            "0, \"finite\" or \"infinite\""
        } else {
            "\"finite\" or \"infinite\""
        };
        let value = self
            .take("timeout")
            .ok_or_else(|| missing("timeout", wanted))?;
        match &value {
            Value::String(text) if text == "finite" => Ok(Timeout::Finite),
            Value::String(text) if text == "infinite" => Ok(Timeout::Infinite),
            Value::Number(number) if zero && number.as_u64() == Some(0) => Ok(Timeout::Zero),
            _ => Err(expected("timeout", wanted, &value)),
        }
    }

    fn number<N>(
        &mut self,
        field: &str,
        read: fn(&Value) -> Option<(N, Form)>,
        wanted: &str,
    ) -> Result<Option<(N, Form)>, Refusal> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        match read(&value) {
            Some(number) => Ok(Some(number)),
            None => Err(expected(field, wanted, &value)),
        }
    }

    fn packet(&mut self) -> Result<(Packet, Forms), Refusal> {
        let key = self.number("key", number::wide, number::WIDE)?;
        let (key, key_form) = key.ok_or_else(|| missing("key", number::WIDE))?;
        let (information, bytes) = self
            .number("bytes", number::wide, number::WIDE)?
            .unwrap_or((0, Form::Number));
        let (overlapped, overlapped_form) = self
            .number("overlapped", number::wide, number::WIDE)?
            .unwrap_or((0, Form::Absent));
        let (status, status_form) = self
            .number("status", number::status, number::STATUS)?
            .unwrap_or((iocp_model::NtStatus::SUCCESS, Form::Number));
        let packet = Packet {
            key,
            overlapped,
            information,
            status,
            tag: 0,
            origin: Origin::Posted,
        };
        let forms = Forms {
            key: key_form,
            bytes,
            overlapped: overlapped_form,
            status: status_form,
        };
        Ok((packet, forms))
    }

    fn post(&mut self) -> Result<Post, Refusal> {
        let port = self.name("port")?;
        let (packet, forms) = self.packet()?;
        let head = self.flag("head")?;
        Ok(Post {
            port,
            packet,
            forms,
            head,
        })
    }
}

fn missing(field: &str, wanted: &str) -> Refusal {
    format!("the field \"{field}\" is missing: {wanted}")
}

fn expected(field: &str, wanted: &str, found: &Value) -> Refusal {
    format!("\"{field}\" must be {wanted}, not {}", quote(found))
}

/// A JSON value for a sentence: what it is, rather than all of a long one.
fn quote(value: &Value) -> String {
    match value {
        Value::String(text) => quote_text(text),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        other => other.to_string(),
    }
}

/// A text in quotation marks for a sentence, cut if it is long.
pub(super) fn quote_text(text: &str) -> String {
    match text.char_indices().nth(MOST_QUOTED) {
        None => Value::from(text).to_string(),
        Some((end, _)) => format!("{} (cut)", Value::from(&text[..end])),
    }
}

/// What the writer may have meant by an unknown name, or what there is.
fn hint(unknown: &str, known: &[&str]) -> String {
    let near = (unknown.len() <= MOST_QUOTED)
        .then(|| {
            known
                .iter()
                .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
                .min()
                .filter(|(distance, name)| 3 * distance < name.len().max(unknown.len()))
        })
        .flatten();
    match near {
        Some((_, name)) => format!("; did you mean \"{name}\"?"),
        None if known.is_empty() => "; it takes none".into(),
        None => format!("; there is {}", known.join(", ")),
    }
}
