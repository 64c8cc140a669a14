//! Pointer-sized values as JSON: hex strings, since JSON numbers are exact only to 2^53.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use std::string::String;

pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:#x}"))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.strip_prefix("0x")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| {
            D::Error::custom(std::format!(
                "\"{text}\" is not a 64-bit number in the form \"0x1f\""
            ))
        })
}
