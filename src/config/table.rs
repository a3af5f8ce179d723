//! A table of the file, taken apart key by key.
//!
//! Serde would stop at the first thing that is wrong. Here every key is read on its own: what has the wrong type is
//! complained of and counts as absent, and at the end every key that nobody asked for is complained of, with the nearest
//! one that somebody did.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use toml::de::{DeTable, DeValue};

use super::complaint::{Complaints, Place};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub value: T,
    pub place: Place,
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub place: Place,
    pub complaints: &'a Complaints<'a>,
    entries: BTreeMap<String, Given<DeValue<'a>>>,
    /// The keys that somebody asked for, and where those that were there stand.
    asked: BTreeMap<&'static str, Option<Place>>,
}

impl<'a> Table<'a> {
    /// A table at its place in the file.
    pub(super) fn new(place: Place, table: DeTable<'a>, complaints: &'a Complaints<'a>) -> Self {
        let entries = table.into_iter().map(|(key, value)| {
            let place = place.key(&quoted(key.get_ref()), key.span().start);
            (key.into_inner().into_owned(), Given { value: value.into_inner(), place })
        });
        Self { entries: entries.collect(), place, complaints, asked: BTreeMap::new() }
    }

    /// Complains of a key of this table that is absent, with what to write.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.complaints.add(&self.at(key), format!("is missing: write {example}"));
    }

    /// Complains of a value that has a meaning, but not yet in this version, with what to use instead.
    pub(super) fn not_built_yet<T>(&self, key: &str, value: &str, instead: &str) -> Option<T> {
        self.complaints
            .add(&self.place.key(key, self.place.offset), format!("{value:?} is not built yet in this version: {instead}"));
        None
    }

    /// Where a key stands, or would stand.
    pub(super) fn at(&self, key: &str) -> Place {
        let absent = || self.place.key(key, self.place.offset);
        self.asked.get(key).cloned().flatten().unwrap_or_else(absent)
    }

    /// Whether a key is there and was not read yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The name that the table gives itself, where it is one. It stays to be read.
    pub(super) fn name(&self) -> Option<Given<String>> {
        let given = self.entries.get("name")?;
        let name = given.value.as_str().filter(|name| !name.trim().is_empty())?;
        Some(Given { value: name.to_owned(), place: given.place.clone() })
    }

    /// The value of a key, whatever it is.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Given<DeValue<'a>>> {
        let given = self.entries.remove(key);
        self.asked.insert(key, given.as_ref().map(|given| given.place.clone()));
        given
    }

    /// A text that is not blank.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Given<String>> {
        let given = self.take(key)?;
        self.as_text(given)
    }

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, key: &'static str, example: &str) -> Option<Given<String>> {
        if !self.has(key) {
            self.asked.insert(key, None);
            self.missing(key, example);
            return None;
        }
        self.text(key)
    }

    /// A list of texts that are not blank; `None` where the key is absent.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<Given<String>>> {
        let given = self.take(key)?;
        let DeValue::Array(items) = given.value else {
            self.wrong_type(&given, "a list of texts, such as [\"one\", \"two\"]");
            return None;
        };
        let items = items.into_iter().enumerate().filter_map(|(index, item)| {
            let place = given.place.item(index, item.span().start);
            self.as_text(Given { value: item.into_inner(), place })
        });
        Some(items.collect())
    }

    /// true or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let given = self.take(key)?;
        if given.value.as_bool().is_none() {
            self.wrong_type(&given, "true or false, without quotes");
        }
        given.value.as_bool()
    }

    /// A whole number within bounds.
    pub(super) fn integer(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let given = self.take(key)?;
        let number = given.value.as_integer().and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok());
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.wrong_type(&given, &format!("a whole number from {} to {}", bounds.start(), bounds.end()));
        }
        number
    }

    /// A number within bounds.
    pub(super) fn number(&mut self, key: &'static str, bounds: RangeInclusive<f64>) -> Option<f64> {
        let given = self.take(key)?;
        let text = given.value.as_float().map(|float| float.as_str()).or(given.value.as_integer().map(|integer| integer.as_str()));
        let number = text.and_then(|text| text.parse::<f64>().ok()).filter(|number| bounds.contains(number));
        if number.is_none() {
            self.wrong_type(&given, &format!("a number from {} to {}", bounds.start(), bounds.end()));
        }
        number
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let given = self.text(key)?;
        let chosen = choices.iter().find(|(word, _)| *word == given.value).map(|(_, value)| *value);
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.complaints.add(&given.place, format!("is {:?}{}", given.value, instead(&given.value, &words)));
        }
        chosen
    }

    /// A table; `None` where the key is absent.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let given = self.take(key)?;
        let DeValue::Table(table) = given.value else {
            self.wrong_type(&given, &format!("a table: write [{key}] on a line of its own, its keys below"));
            return None;
        };
        Some(Self::new(given.place, table, self.complaints))
    }

    /// The tables under `[[key]]`, in order. Each is called by its name, or by its number where that is no name of its own.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some(given) = self.take(key) else { return Vec::new() };
        let wanted = format!("a list of tables: write [[{key}]], in double brackets, above each");
        let DeValue::Array(items) = given.value else {
            self.wrong_type(&given, &wanted);
            return Vec::new();
        };
        let names: Vec<_> = items.iter().map(|item| name_of(item.get_ref())).collect();
        let mut tables = Vec::new();
        for (index, (item, name)) in items.into_iter().zip(&names).enumerate() {
            let offset = item.span().start;
            let is_own = names.iter().filter(|other| *other == name).count() == 1;
            let place = match name {
                Some(name) if is_own => given.place.key(&quoted(name), offset),
                Some(_) | None => given.place.item(index, offset),
            };
            if let DeValue::Table(table) = item.into_inner() {
                tables.push(Self::new(place, table, self.complaints));
            } else {
                self.complaints.add(&place, format!("is no table: {key} takes {wanted}"));
            }
        }
        tables
    }

    /// Complains of every key that nobody asked for.
    pub(super) fn finish(self) {
        let known: Vec<_> = self.asked.keys().copied().collect();
        for (key, given) in &self.entries {
            self.complaints.add(&given.place, format!("is no key here{}", instead(key, &known)));
        }
    }

    fn as_text(&self, given: Given<DeValue<'a>>) -> Option<Given<String>> {
        let DeValue::String(text) = given.value else {
            self.wrong_type(&given, "a text in quotes");
            return None;
        };
        if text.trim().is_empty() {
            self.complaints.add(&given.place, "is empty");
            return None;
        }
        Some(Given { value: text.into_owned(), place: given.place })
    }

    /// Complains of a value without showing it: it may be a secret that slipped.
    fn wrong_type(&self, given: &Given<DeValue<'_>>, wanted: &str) {
        self.complaints.add(&given.place, format!("is {}: it takes {wanted}", in_words(&given.value)));
    }
}

/// What a value is, without showing it.
fn in_words(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".into(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

fn name_of(value: &DeValue<'_>) -> Option<String> {
    value.as_table()?.get("name")?.get_ref().as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned)
}

/// A key as TOML writes it: in quotes where it is more than letters, digits, `-` and `_`.
fn quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_bare { key.to_owned() } else { format!("{key:?}") }
}

/// `: did you mean "path"?` where something known is near, or else everything that is known.
pub(super) fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!(": did you mean {nearest:?}?"),
        None => format!(": it is one of {}", known.join(", ")),
    }
}

/// The known word that is most like it, if any is.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Jaro-Winkler favours a common beginning, as typing mistakes do; below 0.7 the words have little in common.
    let like = known.iter().map(|known| (strsim::jaro_winkler(&word.to_lowercase(), known), *known));
    like.filter(|(score, _)| *score >= 0.7).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}
