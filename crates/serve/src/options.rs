//! How to serve: address, token, names of the host, limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mtdh_engine::live::hub::Hub;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The fewest characters of a token.
pub const SHORTEST_TOKEN: usize = 32;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0: a free one.
    pub listen: SocketAddr,
    /// Who may read; `None`: everybody who reaches the address, which then must be a loopback one.
    pub token: Option<Token>,
    /// Names by which clients may address this server, besides `localhost` and addresses: those of a proxy before it. Lower case,
    /// without ports.
    pub hosts: Vec<String>,
    /// Origins (`https://charts.example`) whose pages may read answers. Empty: none.
    pub origins: Vec<String>,
    /// What an answer may take.
    pub limits: Limits,
    /// What is recorded now, by a recorder of this process; `None`: nothing is.
    pub live: Option<Arc<Hub>>,
}

impl Default for Options {
    /// 127.0.0.1:8087, no token, no further names, the usual limits, nothing recorded.
    fn default() -> Options {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 8087)),
            token: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            limits: Limits::default(),
            live: None,
        }
    }
}

/// What requests and answers may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that are worked on at the same time; more wait for their turn.
    pub requests: usize,
    /// How long a request waits for its turn, first come first served; then it gets 429.
    pub turn: Duration,
    /// Connections that are open at the same time; more wait to be accepted.
    pub connections: usize,
    /// Time to the first byte of an answer.
    pub first_byte: Duration,
    /// How long a client may take no byte of its answer, or send none of its request.
    pub idle: Duration,
    /// How old what coverage tells of a day may be; every answer says by `as_of` how old it is.
    pub age: Duration,
    /// Rows of an answer.
    pub rows: u64,
    /// Bytes of the stored objects that an answer reads.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests: 64,
            turn: Duration::from_secs(2),
            connections: 512,
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            age: Duration::from_secs(40),
            rows: 1_000_000_000,
            bytes: 64 << 30,
        }
    }
}

/// A secret that clients show. It cannot be printed.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// A token of a text, at least 32 printable ASCII characters without spaces.
    ///
    /// # Errors
    /// When it is shorter, or has other characters.
    pub fn new(text: &str) -> Result<Token, ServeError> {
        let is_fit = text.len() >= SHORTEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_fit { Ok(Token(digest("token", text))) } else { Err(ServeError::Token) }
    }

    /// Whether a text is the token. Digests are compared, in constant time.
    pub fn is(&self, text: &str) -> bool {
        digest("token", text).ct_eq(&self.0).into()
    }

    /// The value of the cookie of a browser that has signed in. It does not tell the token.
    pub fn cookie(&self) -> String {
        digest("cookie", &hexadecimal(&self.0)).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a text is [`Token::cookie`].
    pub fn is_cookie(&self, text: &str) -> bool {
        self.cookie().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

fn digest(purpose: &str, text: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update("mtdh serve ")
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(text)
        .finalize()
        .into()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others can reach the address, and there is no token.
    #[error(
        "{0} can be reached from other machines, and there is no token: whoever reaches it could read the lake"
    )]
    NoToken(SocketAddr),
    /// A token is too short, or has spaces or control characters.
    #[error("the token is not usable: it needs 32 or more printable ASCII characters without spaces")]
    Token,
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A name of a host is not one.
    #[error(
        "`{0}` is not the name of a host: write a name without scheme, port and path, such as lake.example.com"
    )]
    Host(String),
}

impl Options {
    /// Whether the rules allow to serve like this.
    ///
    /// # Errors
    /// When others can reach the address and there is no token, or a host's name is not one.
    pub fn check(&self) -> Result<(), ServeError> {
        if !self.listen.ip().is_loopback() && self.token.is_none() {
            return Err(ServeError::NoToken(self.listen));
        }
        let is_name = |name: &&String| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        };
        match self.hosts.iter().find(|name| !is_name(name)) {
            Some(name) => Err(ServeError::Host(name.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_is_compared_and_is_not_printed() {
        let text = "0123456789abcdef0123456789abcdef";
        let token = Token::new(text).unwrap();
        assert!(token.is(text) && !token.is("") && !token.is(&text[1..]) && !token.is(&format!("{text} ")));
        assert!(token.is_cookie(&token.cookie()) && !token.is_cookie(text) && !token.is(&token.cookie()));
        assert_eq!(format!("{token:?}"), "Token(…)");
        for unfit in ["", "short", "0123456789abcdef 123456789abcdef", "0123456789abcdef0123456789abcdé"] {
            assert!(Token::new(unfit).is_err(), "{unfit}");
        }
    }

    #[test]
    fn only_loopback_is_served_without_a_token() {
        for (address, has_token, is_fine) in [
            ("127.0.0.1:1", false, true),
            ("127.8.0.1:1", false, true),
            ("[::1]:1", false, true),
            ("0.0.0.0:1", false, false),
            ("[::]:1", false, false),
            ("10.0.0.1:1", false, false),
            ("0.0.0.0:1", true, true),
        ] {
            let token = has_token.then(|| Token::new(&"x".repeat(32)).unwrap());
            let options = Options { listen: address.parse().unwrap(), token, ..Options::default() };
            assert_eq!(options.check().is_ok(), is_fine, "{address} {has_token}");
        }
    }
}
