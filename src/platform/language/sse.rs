//! Server-sent events, read as tolerantly as real servers need.

/// Bytes of one event that are kept at most.
const LONGEST: usize = 1024 * 1024;

/// Bytes in, the `data` of events out. Cuts between the bytes make no difference.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Option<String>,
    /// The last byte was a carriage return: a line feed after it belongs to it.
    after_return: bool,
    begun: bool,
}

/// An event is too long to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let follows_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if follows_return => {}
                b'\r' | b'\n' => {
                    self.after_return = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    /// What stood before the end without an empty line after it.
    pub fn finish(&mut self) -> Vec<String> {
        let mut events: Vec<String> = self.end_line().into_iter().collect();
        events.extend(self.data.take());
        events
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = if self.begun {
            &line[..]
        } else {
            self.begun = true;
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line)
        };
        if line.is_empty() {
            return self.data.take();
        }
        // Comments, and fields that tell nothing here (event, id, retry).
        let value = line.strip_prefix(b"data:")?;
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => self.data = Some(value.into_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut events = Events::default();
        let mut read = events.push(text.as_bytes()).unwrap();
        read.extend(events.finish());
        read
    }

    #[test]
    fn data_is_found_among_the_rest() {
        let text = "\u{feff}: comment\n\nevent: message\nid: 1\ndata: one\n\ndata:two\r\n\r\ndata: a\rdata: b\r\rretry: 5\n\ndata: last";
        assert_eq!(read(text), ["one", "two", "a\nb", "last"]);
        assert_eq!(read(""), Vec::<String>::new());
        assert_eq!(read("<html>\n\n"), Vec::<String>::new());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::default();
        assert_eq!(events.push(&vec![b'x'; LONGEST + 1]), Err(TooLong));
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(1000));
        assert_eq!(events.push(line.repeat(2000).as_bytes()), Err(TooLong));
    }

    proptest! {
        #[test]
        fn cuts_make_no_difference(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("data: ".to_string()), Just("data:".into()), Just("\n".into()), Just("\r\n".into()), Just("\r".into()),
                    Just(": ping".into()), Just("[DONE]".into()), Just("{\"é\":\"🧠\"}".into()), "[a-z €]{0,6}",
                ],
                0..30,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let bytes = pieces.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut events = Events::default();
            let mut in_pieces = Vec::new();
            let mut from = 0;
            for to in cuts {
                in_pieces.extend(events.push(&bytes[from..to]).unwrap());
                from = to;
            }
            in_pieces.extend(events.finish());
            prop_assert_eq!(in_pieces, read(std::str::from_utf8(&bytes).unwrap()));
        }
    }
}
