//! WebSocket frames (RFC 6455), written and read by hand: the faults need a frame cut in two, in single bytes or in fragments, which a
//! library takes care never to send.

/// What a frame holds.
pub(super) mod opcode {
    pub(in crate::sockets) const CONTINUATION: u8 = 0x0;
    pub(in crate::sockets) const TEXT: u8 = 0x1;
    pub(in crate::sockets) const BINARY: u8 = 0x2;
    pub(in crate::sockets) const CLOSE: u8 = 0x8;
    pub(in crate::sockets) const PING: u8 = 0x9;
    pub(in crate::sockets) const PONG: u8 = 0xA;
}

/// Most bytes of a client's message.
const MAX_MESSAGE: usize = 4 << 20;

/// Appends a whole message as one frame, and returns the length of its header.
pub(super) fn push(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) -> usize {
    push_part(out, opcode, true, payload)
}

/// Appends a frame that may be a fragment.
pub(super) fn push_part(out: &mut Vec<u8>, opcode: u8, is_last: bool, payload: &[u8]) -> usize {
    let before = out.len();
    out.push(opcode | if is_last { 0x80 } else { 0 });
    match payload.len() {
        length @ 0..126 => out.push(length as u8),
        length @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let header = out.len() - before;
    out.extend_from_slice(payload);
    header
}

/// Appends a close frame.
pub(super) fn push_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    push(out, opcode::CLOSE, &payload);
}

/// A message or a control frame of the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

/// Bytes of a client that break the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// Reads the frames of a client, whatever the pieces in which they come.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    /// The first opcode and the payload of a message in fragments.
    open: Option<(u8, Vec<u8>)>,
}

impl Reader {
    /// Adds bytes from the socket.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next whole message. `None`: more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Received>, Broken> {
        loop {
            let Some((first, payload)) = self.frame()? else { return Ok(None) };
            let (opcode, is_last) = (first & 0x0f, first & 0x80 != 0);
            if opcode >= opcode::CLOSE {
                return Ok(Some(Received { opcode, payload }));
            }
            let (started, mut whole) = match (opcode, self.open.take()) {
                (opcode::CONTINUATION, Some(open)) => open,
                (opcode::CONTINUATION, None) => return Err(Broken("a continuation of nothing")),
                (_, Some(_)) => return Err(Broken("a message within a message")),
                (opcode, None) => (opcode, Vec::new()),
            };
            whole.extend_from_slice(&payload);
            if whole.len() > MAX_MESSAGE {
                return Err(Broken("a message is too big"));
            }
            if is_last {
                return Ok(Some(Received { opcode: started, payload: whole }));
            }
            self.open = Some((started, whole));
        }
    }

    /// Takes one frame: its first byte and its payload, unmasked.
    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, Broken> {
        let [first, second, rest @ ..] = &self.bytes[..] else { return Ok(None) };
        if second & 0x80 == 0 {
            return Err(Broken("a client's frame is not masked"));
        }
        let (length, rest) = match (second & 0x7f, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize, rest)
            }
            (126 | 127, _) => return Ok(None),
            (length, rest) => (usize::from(length), rest),
        };
        if length > MAX_MESSAGE {
            return Err(Broken("a frame is too big"));
        }
        let [m0, m1, m2, m3, rest @ ..] = rest else { return Ok(None) };
        let Some(masked) = rest.get(..length) else { return Ok(None) };
        let mask = [*m0, *m1, *m2, *m3];
        let payload = masked.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
        let first = *first;
        let used = self.bytes.len() - rest.len() + length;
        self.bytes.drain(..used);
        Ok(Some((first, payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(opcode: u8, is_last: bool, payload: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let header = push_part(&mut plain, opcode, is_last, payload);
        let mut out = plain[..header].to_vec();
        out[1] |= 0x80;
        out.extend_from_slice(&[1, 2, 3, 4]);
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ [1, 2, 3, 4][i % 4]));
        out
    }

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let long = vec![b'x'; 70_000];
        let mut bytes = masked(opcode::TEXT, false, b"ab");
        bytes.extend(masked(opcode::PING, true, b"p"));
        bytes.extend(masked(opcode::CONTINUATION, true, b"c"));
        bytes.extend(masked(opcode::BINARY, true, &long));
        bytes.extend(masked(opcode::TEXT, true, &long[..300]));
        for piece in [1, 3, 1_000, bytes.len()] {
            let (mut reader, mut seen) = (Reader::default(), Vec::new());
            for part in bytes.chunks(piece) {
                reader.add(part);
                while let Some(one) = reader.next().unwrap() {
                    seen.push((one.opcode, one.payload.len()));
                }
            }
            let expected =
                [(opcode::PING, 1), (opcode::TEXT, 3), (opcode::BINARY, 70_000), (opcode::TEXT, 300)];
            assert_eq!(seen, expected, "{piece}");
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        for (bytes, why) in [
            (vec![0x81, 0x01, b'x'], "a client's frame is not masked"),
            (masked(opcode::CONTINUATION, true, b"x"), "a continuation of nothing"),
            (
                [masked(opcode::TEXT, false, b"x"), masked(opcode::TEXT, true, b"x")].concat(),
                "a message within a message",
            ),
            (vec![0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], "a frame is too big"),
        ] {
            let mut reader = Reader::default();
            reader.add(&bytes);
            assert_eq!(reader.next(), Err(Broken(why)));
        }
    }
}
