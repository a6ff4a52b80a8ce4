//! Where a venue is reached: its own addresses, or those that the user set in their place.
//!
//! No request of this program to an exchange carries a key, so that an address that was set learns none.

use reqwest::Url;

use super::venue::Addresses;

/// Addresses that replace a venue's own, for a proxy or a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instead {
    /// In place of the scheme and host of every WebSocket; its path comes before theirs.
    pub websocket: Option<Url>,
    /// In place of the scheme and host of REST; its path comes before theirs.
    pub rest: Option<Url>,
}

impl Instead {
    /// An address as written: of WebSockets if its scheme is ws or wss, of REST if it is http or https; `None`: it is neither.
    pub fn parse(text: &str) -> Option<Instead> {
        let url = read(text.trim()).ok()?;
        match url.scheme() {
            "ws" | "wss" => Some(Instead { websocket: Some(url), rest: None }),
            "http" | "https" => Some(Instead { websocket: None, rest: Some(url) }),
            _ => None,
        }
    }

    /// Adds what another has.
    pub fn add(&mut self, other: Instead) {
        self.websocket = other.websocket.or(self.websocket.take());
        self.rest = other.rest.or(self.rest.take());
    }
}

/// Whether a connection without TLS may leave this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unencrypted {
    /// Only over loopback.
    #[default]
    Loopback,
    /// To any address that was set.
    Anywhere,
}

/// Where a venue is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// A WebSocket's base address per endpoint.
    pub websockets: Vec<Url>,
    /// The base address of REST.
    pub rest: Option<Url>,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// It is no address.
    #[error("`{text}` is no address: {reason}")]
    Unreadable {
        /// The text.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// It has a scheme that does not fit.
    #[error("`{text}` has another scheme than {expected}")]
    Scheme {
        /// The address.
        text: String,
        /// What is possible.
        expected: &'static str,
    },
    /// It has a user or a password, which would be written to captures and logs.
    #[error(
        "the address of {host} has a user or a password in it, which would show in records; leave it out"
    )]
    Credentials {
        /// The host.
        host: String,
    },
    /// It is not encrypted, and leaves this machine.
    #[error(
        "{text} is not encrypted and not on this machine: others on the way could change what is recorded"
    )]
    Unencrypted {
        /// The address.
        text: String,
    },
}

/// The addresses of a venue with those that were set in their place.
///
/// # Errors
/// If one cannot be used.
pub fn reached(
    own: &Addresses,
    instead: &Instead,
    unencrypted: Unencrypted,
) -> Result<Reached, AddressError> {
    let websockets = own.websockets.iter();
    let websockets = websockets.map(|own| place(own, instead.websocket.as_ref(), unencrypted, ("ws", "wss")));
    let rest = own.rest.map(|own| place(own, instead.rest.as_ref(), unencrypted, ("http", "https")));
    Ok(Reached { websockets: websockets.collect::<Result<_, _>>()?, rest: rest.transpose()? })
}

fn place(
    own: &str,
    instead: Option<&Url>,
    unencrypted: Unencrypted,
    (plain, safe): (&'static str, &'static str),
) -> Result<Url, AddressError> {
    let own = read(own)?;
    let Some(instead) = instead else { return Ok(own) };
    if instead.scheme() != plain && instead.scheme() != safe {
        let expected = if plain == "ws" { "ws or wss" } else { "http or https" };
        return Err(AddressError::Scheme { text: shown(instead), expected });
    }
    if !instead.username().is_empty() || instead.password().is_some() {
        return Err(AddressError::Credentials { host: instead.host_str().unwrap_or_default().to_owned() });
    }
    if instead.scheme() == plain && unencrypted == Unencrypted::Loopback && !is_loopback(instead) {
        return Err(AddressError::Unencrypted { text: shown(instead) });
    }
    let mut address = instead.clone();
    let before = instead.path().trim_end_matches('/').to_owned();
    address.set_path(&format!("{before}{}", own.path()));
    address.set_query(None);
    address.set_fragment(None);
    Ok(address)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address as written.
///
/// # Errors
/// If it is none.
pub fn read(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text)
        .map_err(|error| AddressError::Unreadable { text: text.to_owned(), reason: error.to_string() })?;
    match url.host_str() {
        Some(_) => Ok(url),
        None => {
            Err(AddressError::Unreadable { text: text.to_owned(), reason: "it names no host".to_owned() })
        }
    }
}

/// A base address with what a feed wants of it, such as `/stream?timeUnit=microsecond`.
///
/// # Errors
/// If the two make no address.
pub fn joined(base: &Url, path: &str) -> Result<Url, AddressError> {
    let text = base.as_str().trim_end_matches('/');
    read(&format!("{text}{path}"))
}

/// An address for people and for records: without user, password, query and fragment.
pub fn shown(url: &Url) -> String {
    crate::http::redacted_url(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Addresses = Addresses {
        websockets: &["wss://stream.example.com/public", "wss://stream.example.com/market"],
        rest: Some("https://api.example.com/v1"),
    };

    fn set(websocket: &str, rest: &str) -> Instead {
        let url = |text: &str| (!text.is_empty()).then(|| Url::parse(text).unwrap());
        Instead { websocket: url(websocket), rest: url(rest) }
    }

    #[test]
    fn a_set_address_replaces_the_host_and_keeps_the_path() {
        let cases = [
            ("", "", "wss://stream.example.com/public", "https://api.example.com/v1"),
            ("ws://127.0.0.1:9000", "", "ws://127.0.0.1:9000/public", "https://api.example.com/v1"),
            (
                "ws://localhost:9000/a/",
                "http://[::1]:1/b",
                "ws://localhost:9000/a/public",
                "http://[::1]:1/b/v1",
            ),
            (
                "wss://proxy.example.org/x?token=1#f",
                "",
                "wss://proxy.example.org/x/public",
                "https://api.example.com/v1",
            ),
        ];
        for (websocket, rest, first, expected) in cases {
            let reached = reached(&OWN, &set(websocket, rest), Unencrypted::Loopback).unwrap();
            assert_eq!(reached.websockets[0].as_str(), first);
            assert_eq!(reached.rest.unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_is_refused() {
        let cases = [
            ("ws://10.0.0.1:9000", "", "is not encrypted and not on this machine"),
            ("ws://localhost.example.com", "", "is not encrypted"),
            ("", "http://192.168.1.1", "is not encrypted"),
            ("https://proxy.example.org", "", "has another scheme than ws or wss"),
            ("", "wss://proxy.example.org", "has another scheme than http or https"),
            ("wss://me:secret@proxy.example.org", "", "leave it out"),
        ];
        for (websocket, rest, expected) in cases {
            let error = reached(&OWN, &set(websocket, rest), Unencrypted::Loopback).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(reached(&OWN, &set("ws://10.0.0.1:9000", ""), Unencrypted::Anywhere).is_ok());
    }

    #[test]
    fn paths_are_appended() {
        let base = Url::parse("wss://stream.example.com/").unwrap();
        for (path, expected) in [
            ("/stream?timeUnit=microsecond", "wss://stream.example.com/stream?timeUnit=microsecond"),
            ("", "wss://stream.example.com/"),
        ] {
            assert_eq!(joined(&base, path).unwrap().as_str(), expected);
        }
    }
}
