//! The lines of a calendar (RFC 5545 3.1): folded, with parameters, in components within components.

/// Lines of a calendar, components within components, parameters of a line: what real calendars never reach.
const MAX_LINES: usize = 50_000;
const MAX_DEPTH: usize = 10;
const MAX_PARAMETERS: usize = 50;

/// One property.
#[derive(Debug, Default)]
pub(super) struct Property {
    /// In upper case.
    pub(super) name: String,
    parameters: Vec<(String, String)>,
    /// As written.
    pub(super) value: String,
}

impl Property {
    /// A parameter; the name in upper case.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The value as text (RFC 5545 3.3.11), each line end a blank.
    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(self.value.len());
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n' | 'N') => out.push(' '),
                    Some(c) => out.push(c),
                    None => {}
                },
                c => out.push(c),
            }
        }
        out
    }
}

/// One component with its own properties.
#[derive(Debug, Default)]
pub(super) struct Component {
    /// In upper case.
    pub(super) name: String,
    /// The place among all components of the one that it is in.
    pub(super) parent: Option<usize>,
    pub(super) properties: Vec<Property>,
}

impl Component {
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Property> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    /// The value of a property as text.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.property(name).map(Property::text)
    }
}

/// The components of a calendar in the order in which they begin.
pub(super) fn read_components(calendar: &str) -> Vec<Component> {
    let mut components: Vec<Component> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for line in unfolded(calendar).into_iter().filter_map(|line| property(&line)) {
        match line.name.as_str() {
            "BEGIN" if open.len() < MAX_DEPTH => {
                components.push(Component {
                    name: line.value.trim().to_ascii_uppercase(),
                    parent: open.last().copied(),
                    properties: Vec::new(),
                });
                open.push(components.len() - 1);
            }
            "END" => drop(open.pop()),
            _ => {
                if let Some(component) = open.last().and_then(|open| components.get_mut(*open)) {
                    component.properties.push(line);
                }
            }
        }
    }
    components
}

/// The lines without their folds.
fn unfolded(calendar: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in calendar.lines().map(|line| line.trim_end_matches('\r')).take(MAX_LINES) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// `NAME;PARAMETER="value":value`.
fn property(line: &str) -> Option<Property> {
    let mut in_quotes = false;
    let mut marks = Vec::new();
    for (at, c) in line.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            ';' if !in_quotes && marks.len() < MAX_PARAMETERS => marks.push(at),
            ':' if !in_quotes => {
                marks.push(at);
                break;
            }
            _ => {}
        }
    }
    let colon = *marks.last()?;
    let value = line.get(colon..)?.strip_prefix(':')?.to_owned();
    let name = line.get(..*marks.first()?)?.trim().to_ascii_uppercase();
    let parameters = marks.windows(2).filter_map(|pair| {
        let [start, end] = pair else { return None };
        let (name, value) = line.get(start + 1..*end)?.split_once('=')?;
        Some((name.trim().to_ascii_uppercase(), unescaped(value)))
    });
    Some(Property { name, parameters: parameters.collect(), value })
}

/// The value of a parameter (RFC 6868).
fn unescaped(value: &str) -> String {
    value.trim().trim_matches('"').replace("^n", " ").replace("^'", "\"").replace("^^", "^")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_unfolded_and_taken_apart() {
        let components = read_components(
            "BEGIN:VEVENT\r\nATTENDEE;CN=\"a:b;c\";X=1:mailto:a@b\r\n .example\r\nSUMMARY:x\\, y\\nz\r\nEND:VEVENT\r\n",
        );
        let event = components.first().unwrap();
        let attendee = event.property("ATTENDEE").unwrap();
        assert_eq!((attendee.parameter("CN"), attendee.parameter("X")), (Some("a:b;c"), Some("1")));
        assert_eq!(attendee.value, "mailto:a@b.example");
        assert_eq!(event.value("SUMMARY").as_deref(), Some("x, y z"));
    }

    #[test]
    fn components_in_components_end_at_the_bound() {
        assert_eq!(read_components(&"BEGIN:X\n".repeat(1_000)).len(), MAX_DEPTH);
    }
}
