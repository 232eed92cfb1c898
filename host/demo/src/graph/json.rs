//! JSON written straight into a buffer: a page of a thousand objects is never a tree of values.

use crate::tenant::Guid;
use serde::Serialize;

/// Writes a value.
pub fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// Writes an id, in lower or upper case.
pub fn put_id(out: &mut Vec<u8>, id: Guid, upper: bool) {
    let mut text = id.text();
    if upper {
        text.make_ascii_uppercase();
    }
    out.push(b'"');
    out.extend_from_slice(&text);
    out.push(b'"');
}

/// An object being written.
pub struct Fields<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Fields<'a> {
    /// Begins an object.
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes a name; the value is written by whoever asked.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        put(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Writes a field.
    pub fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        put(self.name(name), value);
    }

    /// Ends the object.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// Writes an array, an element after the other. An element that has nothing to say writes nothing and isn't there.
pub fn put_array<T>(
    out: &mut Vec<u8>,
    elements: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    let mut first = true;
    for element in elements {
        let before = out.len();
        if !first {
            out.push(b',');
        }
        let comma = out.len();
        write(out, element);
        if out.len() == comma {
            out.truncate(before);
        } else {
            first = false;
        }
    }
    out.push(b']');
}
