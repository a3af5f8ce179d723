//! The messages of a channel or of a thread, page by page. The end is only what a page says is the end: what was cut, hidden
//! or comes again is trouble, and never a shorter list.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::api::{Api, Trouble};
use super::channels::Cursor;
use super::method::Method;

/// Messages a page. What is looked for is as a rule among the last few; where Slack gives only 15 (apps that are
/// distributed but not on its marketplace), the pages are followed all the same.
const PAGE: &str = "200";
/// The most pages that are read.
const PAGES_MAX: usize = 5_000;

/// Reads pages.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    api: &'a Api,
    method: Method,
    fields: Vec<(&'static str, &'a str)>,
    /// Where each page after the first began.
    cursors: BTreeSet<String>,
    /// The page that was read last.
    last: Option<End>,
}

/// How a page ends.
#[derive(Debug)]
struct End {
    cursor: Option<String>,
    has_more: bool,
    is_limited: bool,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Value>,
    #[serde(default)]
    has_more: bool,
    is_limited: Option<bool>,
    response_metadata: Option<Cursor>,
}

impl<'a> Pages<'a> {
    /// The pages of `conversations.history` or `conversations.replies` with these arguments, metadata included.
    pub(super) fn new(api: &'a Api, method: Method, mut fields: Vec<(&'static str, &'a str)>) -> Self {
        fields.extend([("include_all_metadata", "true"), ("limit", PAGE)]);
        Self { api, method, fields, cursors: BTreeSet::new(), last: None }
    }

    /// The messages of the next page; `None` at the end. What a page holds is handed out whatever is behind it: who finds
    /// there what was looked for need not care.
    ///
    /// # Errors
    /// When there may be more that cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Value>>, Trouble> {
        let cursor = match &self.last {
            None => None,
            Some(end) => match end.following(self.method)? {
                Some(cursor) => Some(self.unseen(cursor)?),
                None => return Ok(None),
            },
        };
        let mut fields = self.fields.clone();
        fields.extend(cursor.as_ref().map(|cursor| ("cursor", cursor.as_str())));
        let page = self.api.call::<Page>(self.method, &fields).await?.body;
        self.last = Some(End {
            cursor: page.response_metadata.and_then(|next| next.next_cursor).filter(|cursor| !cursor.is_empty()),
            has_more: page.has_more,
            is_limited: page.is_limited == Some(true),
        });
        Ok(Some(page.messages))
    }

    /// The trouble with a page that does not say what it has to.
    pub(super) fn incomplete(&self, what: &str) -> Trouble {
        Trouble::incomplete(self.method, what)
    }

    /// A cursor, where the pages still lead anywhere.
    fn unseen(&mut self, cursor: String) -> Result<String, Trouble> {
        if !self.cursors.insert(cursor.clone()) {
            return Err(Trouble::incomplete(self.method, "the same page comes again"));
        }
        if self.cursors.len() >= PAGES_MAX {
            return Err(Trouble::useless(self.method, format!("more than {PAGES_MAX} pages; look for the post by hand")));
        }
        Ok(cursor)
    }
}

impl End {
    /// Where to go on after the page; `None`: it certainly was the last.
    fn following(&self, method: Method) -> Result<Option<String>, Trouble> {
        match &self.cursor {
            Some(cursor) => Ok(Some(cursor.clone())),
            None if self.has_more => Err(Trouble::incomplete(method, "there is more, but not where")),
            None if self.is_limited => Err(Trouble::useless(method, "the plan of the workspace hides part of what was posted")),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Failure;

    #[test]
    fn only_a_page_that_says_so_is_the_last() {
        let following = |cursor: Option<&str>, has_more: bool, is_limited: bool| {
            let end = End { cursor: cursor.map(str::to_owned), has_more, is_limited };
            end.following(Method::ConversationsHistory).map_err(Failure::from)
        };
        assert_eq!(following(None, false, false), Ok(None));
        assert_eq!(following(Some("c"), true, true), Ok(Some("c".to_owned())));
        assert!(matches!(following(None, true, false), Err(Failure::Transient(_))));
        assert!(matches!(following(None, false, true), Err(Failure::Refused(_))));
    }
}
