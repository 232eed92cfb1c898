//! The two halves of an address: what may stand before the `@` and what after it.
//!
//! Internationalised names pass in their own script (RFC 6531, RFC 5890); they are neither folded nor turned into A-labels.

/// RFC 5321, section 4.5.3.1.1.
const LOCAL_PART_BYTES: usize = 64;
/// RFC 1035, section 2.3.4: 255 with the length bytes on the wire.
const DOMAIN_BYTES: usize = 253;
/// RFC 1035, section 2.3.4.
const LABEL_BYTES: usize = 63;
/// RFC 5322, section 3.2.3: what an atom may hold besides letters and digits.
const ATOM_SIGNS: &str = "!#$%&'*+-/=?^_`{|}~";

/// A bare id as the local part of an address (the Dot-string of RFC 5321, section 4.1.2), or why it can't be one.
pub fn local_part_of(id: &str) -> Result<&str, String> {
    let id = id.trim();
    let refused =
        |why: &str| Err(format!("`{}` can't be the local part of an address: {why}", id.escape_debug()));
    if id.is_empty() {
        return refused("it is empty");
    }
    if id.len() > LOCAL_PART_BYTES {
        return refused("it is longer than 64 bytes");
    }
    if id.split('.').any(str::is_empty) {
        return refused("a dot stands at its edge or beside another");
    }
    match id.chars().find(|&c| c != '.' && !in_atom(c)) {
        Some(' ') => refused("it has a space"),
        Some(sign) => refused(&format!("it has `{}`", sign.escape_debug())),
        None => Ok(id),
    }
}

fn in_atom(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || ATOM_SIGNS.contains(c) } else { visible(c) }
}

/// The operator's domain in lower case, one leading `@` forgiven, or why it isn't a mail domain.
pub fn domain_of(given: &str) -> Result<String, String> {
    let trimmed = given.trim();
    let domain = trimmed.strip_prefix('@').unwrap_or(trimmed).to_lowercase();
    let refused = |why: &str| Err(format!("`{}` is not a mail domain: {why}", given.escape_debug()));
    if domain.is_empty() {
        return refused("it is empty");
    }
    if domain.len() > DOMAIN_BYTES {
        return refused("it is longer than 253 bytes");
    }
    for label in domain.split('.') {
        if let Err(why) = check_label(label) {
            return refused(&why);
        }
    }
    match domain.rsplit_once('.') {
        None => refused("it needs a dot, as in acme.example"),
        Some((_, last)) if last.bytes().all(|b| b.is_ascii_digit()) => {
            refused("it ends in a number, as an IP address does")
        }
        Some(_) => Ok(domain),
    }
}

fn check_label(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Err("a dot stands at its edge or beside another".to_owned());
    }
    if label.len() > LABEL_BYTES {
        return Err(format!("`{label}` is longer than 63 bytes"));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(format!("`{label}` has a hyphen at its edge"));
    }
    let in_label = |c: char| if c.is_ascii() { c.is_ascii_alphanumeric() || c == '-' } else { visible(c) };
    match label.chars().find(|&c| !in_label(c)) {
        Some(c) if c.is_whitespace() => Err("it has a space".to_owned()),
        Some(c) => Err(format!("it has `{}`", c.escape_debug())),
        None => Ok(()),
    }
}

/// Whether a character outside ASCII may stand in a name: no blanks, no controls, no direction marks, no look-alikes of the dot. The
/// joiners are spared, since some scripts need them (RFC 5892, appendix A).
fn visible(c: char) -> bool {
    let joiner = matches!(c, '\u{200c}' | '\u{200d}');
    let hidden = matches!(c, '\u{ad}' | '\u{2000}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}');
    let dot = matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    joiner || !(hidden || dot || c.is_whitespace() || c.is_control())
}
