//! What a scalar without quotes is, as the API server's reader sees it: YAML 1.1,
//! with its many spellings of booleans and numbers.
//!
//! But for `y` and `n`: the API server takes them for booleans, every other reader
//! for text, and who writes them means text. They are read as text, with a warning.

/// The meaning of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'t> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that is no integer, or beyond 64 bits.
    OtherNumber,
    Text(&'t str),
}

impl Scalar<'_> {
    /// What to call it in a message.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "a boolean",
            Scalar::Int(_) | Scalar::OtherNumber => "a number",
            Scalar::Text(_) => "a string",
        }
    }
}

/// Whether a plain scalar is text here, and a boolean to the API server.
pub(super) fn is_doubtful(text: &str) -> bool {
    matches!(text, "y" | "Y" | "n" | "N")
}

/// Reads a plain scalar.
pub(super) fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Scalar::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        _ => number(text).unwrap_or(Scalar::Text(text)),
    }
}

fn number(text: &str) -> Option<Scalar<'_>> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Most scalars are names: see at the first character that they are no numbers.
    let first = digits.chars().next()?;
    if !first.is_ascii_digit() && first != '.' {
        return None;
    }
    let negative = text.starts_with('-');
    let int = |digits: &str, radix| {
        let valid = !digits.is_empty() && digits.chars().all(|c| c == '_' || c.is_digit(radix));
        valid.then(|| {
            let mut plain = digits.chars().filter(|c| *c != '_');
            let value = plain.try_fold(0_i64, |value, digit| {
                value
                    .checked_mul(i64::from(radix))?
                    .checked_add(i64::from(digit.to_digit(radix)?))
            });
            match value {
                Some(value) => Scalar::Int(if negative { -value } else { value }),
                None => Scalar::OtherNumber,
            }
        })
    };
    if let Some(hex) = digits.strip_prefix("0x") {
        return int(hex, 16);
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return int(binary, 2);
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return int(octal, 8);
    }
    if let Some(octal) = digits.strip_prefix('0').filter(|rest| !rest.is_empty())
        && let Some(value) = int(octal, 8)
    {
        return Some(value);
    }
    if let Some(value) = int(digits, 10) {
        return Some(value);
    }
    is_float(digits).then_some(Scalar::OtherNumber)
}

/// Digits with a dot, an exponent, or both; infinity and not-a-number.
fn is_float(digits: &str) -> bool {
    if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let is_digits = |text: &str| text.chars().all(|c| c == '_' || c.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_sound = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && is_digits(exponent)
    });
    is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_is_sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scalars_are() {
        let cases = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("80", Scalar::Int(80)),
            ("-1", Scalar::Int(-1)),
            ("+8_0", Scalar::Int(80)),
            ("0x50", Scalar::Int(80)),
            ("0o17", Scalar::Int(15)),
            ("017", Scalar::Int(15)),
            ("0b11", Scalar::Int(3)),
            ("089", Scalar::Int(89)),
            ("99999999999999999999", Scalar::OtherNumber),
            ("1.0", Scalar::OtherNumber),
            ("1e3", Scalar::OtherNumber),
            (".inf", Scalar::OtherNumber),
        ];
        for (text, scalar) in cases {
            assert_eq!(resolve(text), scalar, "{text}");
        }
        for text in [
            "10.0.0.0/8",
            "1.2.3.4",
            "v1",
            "-",
            ".",
            "1e",
            "2026-01-01T00:00:00Z",
            "http",
            "0x",
            "fd00::/8",
        ] {
            assert_eq!(resolve(text), Scalar::Text(text), "{text}");
        }
    }
}
