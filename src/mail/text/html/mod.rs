//! HTML → lines.

use super::line::Line;

pub(super) fn lines(_source: &str, _notes: &mut Vec<String>) -> Vec<Line> {
    Vec::new()
}
