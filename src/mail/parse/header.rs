//! A block of header fields (RFC 5322 2.2), split without being understood.

use memchr::memchr;

use super::bounds;
use super::notes::Notes;

/// One header field: the name as written, and the value with its folds, without the last line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'x> {
    pub(super) name: &'x [u8],
    pub(super) value: &'x [u8],
}

/// The fields of one block, in order.
#[derive(Debug, Default)]
pub(super) struct Headers<'x> {
    fields: Vec<Field<'x>>,
}

impl<'x> Headers<'x> {
    /// Splits a block of fields from the body that follows it. The block ends with an empty line, or before the first
    /// line that is no field (some mailers leave the empty line out).
    pub(super) fn split(entity: &'x [u8], notes: &mut Notes) -> (Self, &'x [u8]) {
        let mut fields: Vec<Field<'x>> = Vec::new();
        let (mut at, mut value_start, mut bytes_left) = (0, 0, bounds::HEADER_BYTES);
        loop {
            let rest = entity.get(at..).unwrap_or_default();
            let (line, length) = first_line(rest);
            if line.is_empty() {
                at += length;
                break;
            }
            if let Some(colon) = name_length(line) {
                let end = folded_length(rest);
                if fields.len() >= bounds::HEADER_FIELDS || end > bytes_left {
                    notes.add("headers cut: more than the bound");
                }
                if fields.len() >= bounds::HEADER_FIELDS || bytes_left <= colon {
                    at += block_length(rest);
                    break;
                }
                value_start = at + colon + 1;
                fields.push(Field {
                    name: rest.get(..colon).unwrap_or_default().trim_ascii_end(),
                    value: rest.get(colon + 1..end.min(bytes_left)).unwrap_or_default().trim_ascii(),
                });
                bytes_left = bytes_left.saturating_sub(end);
                at += end;
            } else if let Some(field) = fields.last_mut().filter(|field| field.value.ends_with(b";")) {
                // The next parameter, on a line that lost its indentation.
                if length > bytes_left {
                    notes.add("headers cut: more than the bound");
                    at += block_length(rest);
                    break;
                }
                bytes_left -= length;
                at += length;
                field.value = entity.get(value_start..at).unwrap_or_default().trim_ascii();
            } else if is_envelope(line) || is_space(line.first()) {
                at += length;
            } else {
                if !fields.is_empty() {
                    notes.add("the empty line after the headers is missing");
                }
                break;
            }
        }
        (Self { fields }, entity.get(at..).unwrap_or_default())
    }

    /// The values of every field of this name (any case), in order.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'x [u8]> + 's {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.value)
    }

    /// The value of the first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&'x [u8]> {
        self.all(name).next()
    }

    /// The value of a field that may stand only once (RFC 5322 3.6). Where it was repeated the first that says something
    /// counts, as in the mail programs that people read with, and a note says so.
    pub(super) fn only(&self, name: &str, notes: &mut Notes) -> Option<&'x [u8]> {
        let mut values = self.all(name).filter(|value| !value.is_empty());
        let first = values.next();
        if values.next().is_some() {
            notes.add(format!("more than one {name} header: the first counts"));
        }
        first
    }

    /// Every field, in order.
    pub(super) fn fields(&self) -> &[Field<'x>] {
        &self.fields
    }

    /// Whether there is no field at all.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// The first line without its end, and its length with it.
fn first_line(bytes: &[u8]) -> (&[u8], usize) {
    let (line, length) = match memchr(b'\n', bytes) {
        Some(end) => (bytes.get(..end).unwrap_or_default(), end + 1),
        None => (bytes, bytes.len()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), length)
}

/// The length of the first field with its continuation lines and their ends.
fn folded_length(bytes: &[u8]) -> usize {
    let mut end = first_line(bytes).1;
    while is_space(bytes.get(end)) {
        end += first_line(bytes.get(end..).unwrap_or_default()).1;
    }
    end
}

/// The length of the rest of a block: to the first empty line and with it.
fn block_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let (line, length) = first_line(bytes.get(at..).unwrap_or_default());
        at += length;
        if line.is_empty() || length == 0 {
            return at;
        }
    }
}

/// Where the colon of a field is; `None` where the line is no field. White space before the colon is obsolete syntax
/// that still occurs (RFC 5322 4.5).
fn name_length(line: &[u8]) -> Option<usize> {
    let colon = memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then_some(colon)
}

/// An mbox separator that an export left on top, as it was or quoted.
fn is_envelope(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

fn is_space(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(block: &str) -> (Vec<(String, String)>, String) {
        let (headers, body) = Headers::split(block.as_bytes(), &mut Notes::default());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (headers.fields.iter().map(|field| (text(field.name), text(field.value))).collect(), text(body))
    }

    #[test]
    fn folds_belong_to_their_field_and_the_empty_line_ends_the_block() {
        let (fields, body) = fields("From a@b Mon\nA: 1\r\n 2\r\nB : 3\n\nC: 4\n");
        assert_eq!(fields, [("A".into(), "1\r\n 2".into()), ("B".into(), "3".into())]);
        assert_eq!(body, "C: 4\n");
    }

    #[test]
    fn a_parameter_that_lost_its_indentation_belongs_to_its_field() {
        assert_eq!(fields("A: x;\nname=\"y\"\nB: 1\n\n").0, [("A".into(), "x;\nname=\"y\"".into()), ("B".into(), "1".into())]);
    }

    #[test]
    fn a_line_that_is_no_field_begins_the_body() {
        assert_eq!(fields("A: 1\nHello there\nB: 2\n").1, "Hello there\nB: 2\n");
    }

    #[test]
    fn a_block_over_the_bound_is_cut_and_the_body_stays() {
        let block = format!("{}\nbody", "A: 1\n".repeat(bounds::HEADER_FIELDS + 5));
        let mut notes = Notes::default();
        let (headers, body) = Headers::split(block.as_bytes(), &mut notes);
        assert_eq!((headers.fields.len(), body), (bounds::HEADER_FIELDS, b"body".as_slice()));
        assert_eq!(notes.into_vec(), ["headers cut: more than the bound"]);
    }

    #[test]
    fn parameters_without_indentation_over_the_bound_are_cut_and_the_body_stays() {
        let block = format!("A: 1\nB: x;\n{}C: 2\n\nbody", "y=z;\n".repeat(bounds::HEADER_BYTES));
        let mut notes = Notes::default();
        let (headers, body) = Headers::split(block.as_bytes(), &mut notes);
        assert_eq!(headers.first("B").map(|value| value.len() / 1_000), Some(bounds::HEADER_BYTES / 1_000));
        assert_eq!((body, notes.into_vec()), (b"body".as_slice(), vec!["headers cut: more than the bound".to_owned()]));
    }

    #[test]
    fn a_field_over_the_bound_is_cut_and_the_body_stays() {
        let block = format!("A: 1\nB: {}\nC: 2\n\nbody", "x".repeat(bounds::HEADER_BYTES));
        let (fields, body) = fields(&block);
        assert_eq!(fields.iter().map(|(_, value)| value.len()).collect::<Vec<_>>(), [1, bounds::HEADER_BYTES - "A: 1\nB: ".len()]);
        assert_eq!(body, "body");
    }
}
