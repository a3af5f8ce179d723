//! Which blocks Slack takes.

use serde_json::Value;

use super::answer::Refusal;

const BLOCKS_MAX: usize = 50;
const CONTEXT_ELEMENTS_MAX: usize = 10;
const TEXT_MAX_CHARS: usize = 3_000;
/// Measured, not documented: the characters of all blocks together.
const ALL_MAX_CHARS: usize = 13_200;

/// Checks the blocks of a message.
pub(super) fn check(text: &str) -> Result<Value, Refusal> {
    let blocks: Value = serde_json::from_str(text).map_err(|_| Refusal::from("invalid_blocks_format"))?;
    let list = blocks.as_array().ok_or_else(|| Refusal::from("invalid_blocks_format"))?;
    if list.len() > BLOCKS_MAX {
        return Err(Refusal::because("invalid_blocks", "[ERROR] no more than 50 items allowed"));
    }
    let mut total = 0;
    for (index, block) in list.iter().enumerate() {
        let invalid = || Refusal::because("invalid_blocks", format!("[ERROR] [json-pointer:/blocks/{index}]"));
        total += chars(block).ok_or_else(invalid)?;
    }
    if total > ALL_MAX_CHARS { Err("msg_blocks_too_long".into()) } else { Ok(blocks) }
}

/// The characters of a block; `None` where it is none of Slack's.
fn chars(block: &Value) -> Option<usize> {
    match block["type"].as_str()? {
        "section" => text_object(&block["text"]),
        "context" => {
            let elements = block["elements"].as_array()?;
            let in_bounds = (1..=CONTEXT_ELEMENTS_MAX).contains(&elements.len());
            in_bounds.then(|| elements.iter().map(text_object).sum::<Option<usize>>())?
        }
        "rich_text" => block["elements"].as_array()?.iter().map(rich_text_section).sum(),
        "divider" => Some(0),
        _ => None,
    }
}

fn rich_text_section(section: &Value) -> Option<usize> {
    let kinds = ["rich_text_section", "rich_text_preformatted", "rich_text_quote"];
    kinds.contains(&section["type"].as_str()?).then_some(())?;
    section["elements"].as_array()?.iter().map(rich_text_element).sum()
}

/// Only text is expected of us: links, users and broadcasts act.
fn rich_text_element(element: &Value) -> Option<usize> {
    (element["type"] == "text").then_some(())?;
    bounded(&element["text"])
}

fn text_object(object: &Value) -> Option<usize> {
    matches!(object["type"].as_str()?, "plain_text" | "mrkdwn").then_some(())?;
    bounded(&object["text"])
}

fn bounded(text: &Value) -> Option<usize> {
    Some(text.as_str()?.chars().count()).filter(|count| (1..=TEXT_MAX_CHARS).contains(count))
}
