//! How large a schema is once its references are followed: a few lines can refer to themselves into a size or a depth that no validator
//! survives, and schemas come from strangers.

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Parts in all, each counted as often as it is reached. A schema of a hundred settings has 2,000.
const MOST_PARTS: u64 = 20_000;
/// How deep parts lie in parts; a validator goes down a stack.
const DEEPEST: u32 = 128;

#[derive(Clone, Copy)]
struct Size {
    parts: u64,
    depth: u32,
}

/// Refuses what is too large, and references that lead anywhere but to `#/…` in the schema itself.
pub(crate) fn check(schema: &Json) -> Result<(), String> {
    let mut unfolding = Unfolding { schema, known: BTreeMap::new() };
    let size = unfolding.size(schema, 0)?;
    if size.parts > MOST_PARTS {
        return Err(format!("it unfolds to more than {MOST_PARTS} parts"));
    }
    Ok(())
}

struct Unfolding<'s> {
    schema: &'s Json,
    /// What references lead to. While one is being followed it counts as nothing: validators stop at a circle.
    known: BTreeMap<&'s str, Size>,
}

impl<'s> Unfolding<'s> {
    fn size(&mut self, part: &'s Json, level: u32) -> Result<Size, String> {
        let mut size = Size { parts: 1, depth: 0 };
        let mut add = |inner: Size| {
            size.parts = size.parts.saturating_add(inner.parts);
            size.depth = size.depth.max(inner.depth + 1);
        };
        if level > DEEPEST {
            return Err(too_deep());
        }
        match part {
            Json::Array(parts) => {
                for part in parts {
                    add(self.size(part, level + 1)?);
                }
            }
            Json::Object(parts) => {
                for (keyword, part) in parts {
                    match (keyword.as_str(), part.as_str()) {
                        ("$ref", Some(reference)) => add(self.referred(reference, level + 1)?),
                        ("$id", Some(_)) if level > 0 => return Err("it has an `$id` inside".to_owned()),
                        ("$anchor" | "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef", Some(_)) => {
                            return Err(format!("it uses `{keyword}`, which this host doesn't follow"));
                        }
                        _ => add(self.size(part, level + 1)?),
                    }
                }
            }
            _ => {}
        }
        Ok(size)
    }

    fn referred(&mut self, reference: &'s str, level: u32) -> Result<Size, String> {
        let size = match self.known.get(reference) {
            Some(known) => *known,
            None => {
                let target =
                    reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer)).ok_or_else(
                        || format!("it refers to `{reference}`; a reference must lead to a part of it"),
                    )?;
                self.known.insert(reference, Size { parts: 0, depth: 0 });
                let size = self.size(target, level)?;
                self.known.insert(reference, size);
                size
            }
        };
        if level + size.depth > DEEPEST { Err(too_deep()) } else { Ok(size) }
    }
}

fn too_deep() -> String {
    format!("it is deeper than {DEEPEST} parts in parts")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `#/$defs/d0` refers `width` times to `d1`, and so on.
    fn ladder(levels: usize, width: usize) -> Json {
        let mut defs = serde_json::Map::new();
        for level in 0..levels {
            let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
            defs.insert(format!("d{level}"), json!({ "allOf": vec![next; width] }));
        }
        defs.insert(format!("d{levels}"), json!({ "type": "string" }));
        json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/d0" } }, "$defs": defs })
    }

    #[test]
    fn what_unfolds_without_end_is_refused() {
        assert_eq!(check(&ladder(5, 2)), Ok(()));
        assert_eq!(check(&ladder(40, 2)).unwrap_err(), "it unfolds to more than 20000 parts");
        assert_eq!(check(&ladder(5_000, 1)).unwrap_err(), "it is deeper than 128 parts in parts");
    }

    #[test]
    fn circles_have_an_end() {
        assert_eq!(check(&json!({ "type": "object", "$ref": "#" })), Ok(()));
        let tree =
            json!({ "type": "object", "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" } } });
        assert_eq!(check(&tree), Ok(()));
    }

    #[test]
    fn references_stay_inside() {
        for (schema, why) in [
            (json!({ "$ref": "https://example.org/s.json" }), "it refers to `https://example.org/s.json`"),
            (json!({ "$ref": "#/$defs/none" }), "it refers to `#/$defs/none`"),
            (json!({ "properties": { "a": { "$id": "b" } } }), "it has an `$id` inside"),
            (json!({ "$dynamicRef": "#here" }), "it uses `$dynamicRef`"),
        ] {
            let error = check(&schema).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
