//! The tables in `README.md`, each between two markers of its own.

use crate::error::{Error, system};
use crate::table::Table;
use std::path::Path;

/// Puts tables in place of those of the same name; others stay.
pub fn write(tables: &[Table], machine: &str) -> Result<(), Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut text = std::fs::read_to_string(&path).map_err(system(format!("read {}", path.display())))?;
    for table in tables {
        let content = format!("{}\n\n{machine}", table.text());
        text = replaced(&text, table.name, &content).ok_or_else(|| {
            Error::Amiss(format!("{} has no markers for a table named {}", path.display(), table.name))
        })?;
    }
    std::fs::write(&path, text).map_err(system(format!("write {}", path.display())))
}

fn replaced(text: &str, name: &str, content: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- table {name} -->"), format!("<!-- end of table {name} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{content}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let text = "a\n<!-- table x -->\nold\n<!-- end of table x -->\nb";
        let once = replaced(text, "x", "new").unwrap();
        assert_eq!(once, "a\n<!-- table x -->\n\nnew\n\n<!-- end of table x -->\nb");
        assert_eq!(replaced(&once, "x", "new").unwrap(), once);
        assert_eq!(replaced(text, "y", "new"), None);
    }
}
