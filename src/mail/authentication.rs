//! Authentication-Results (RFC 8601): what the receiving server found out about the sender.

/// One Authentication-Results header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationResults {
    /// Who says so (authserv-id), in lower case. Anyone can write any id: only the ids of our own receiving server count.
    pub server: String,
    /// Each method with its result, such as `dkim`, `pass`, and its properties, such as `header.d` = `acme.example`.
    pub methods: Vec<MethodResult>,
}

/// One method's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// `dkim`, `spf`, `dmarc`, `arc`, …, in lower case.
    pub method: String,
    /// `pass`, `fail`, `none`, …, in lower case.
    pub result: String,
    /// Properties (`ptype.property`) and their values, in lower case.
    pub properties: Vec<(String, String)>,
}

/// Methods of one header, and properties of one method; real ones have under twenty.
const MOST_METHODS: usize = 50;

/// Reads the value of a header (RFC 8601 2.2): comments are left out, reasons are not kept. `None` where nobody says who
/// speaks.
pub(super) fn parse(value: &str) -> Option<AuthenticationResults> {
    let mut statements = statements(value).into_iter();
    // The id may be followed by a version.
    let server = statements.next()?.into_iter().next()?;
    let methods = statements.take(MOST_METHODS).filter_map(|words| method(&words)).collect();
    Some(AuthenticationResults { server, methods })
}

/// `method[/version]=result [reason=…] [ptype.property=value]…`.
fn method(words: &[String]) -> Option<MethodResult> {
    let (first, rest) = words.split_first()?;
    let (name, result) = first.split_once('=')?;
    let name = name.split('/').next().unwrap_or_default();
    if name.is_empty() || result.is_empty() {
        return None;
    }
    let properties = rest.iter().take(MOST_METHODS).filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        name.contains('.').then(|| (name.to_owned(), value.to_owned()))
    });
    Some(MethodResult { method: name.to_owned(), result: result.to_owned(), properties: properties.collect() })
}

/// The words between semicolons, in lower case, without comments; quotes are undone, and the white space that may stand
/// around `=` and within `ptype . property` is left out.
fn statements(value: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word = String::new();
    let (mut depth, mut in_quotes, mut gap) = (0_u32, false, false);
    let mut chars = value.chars().flat_map(char::to_lowercase);
    while let Some(c) = chars.next() {
        match c {
            '"' if depth == 0 => in_quotes = !in_quotes,
            '\\' if in_quotes || depth > 0 => word.extend(chars.next().filter(|_| depth == 0)),
            _ if in_quotes => word.push(c),
            '(' => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                gap = true;
            }
            _ if depth > 0 => {}
            ';' => {
                end_word(&mut word, &mut statements);
                statements.push(Vec::new());
                gap = false;
            }
            _ if c.is_whitespace() => gap = true,
            _ => {
                let belongs = matches!(c, '=' | '.') || word.ends_with(['=', '.']);
                if gap && !belongs {
                    end_word(&mut word, &mut statements);
                }
                gap = false;
                word.push(c);
            }
        }
    }
    end_word(&mut word, &mut statements);
    statements
}

fn end_word(word: &mut String, statements: &mut [Vec<String>]) {
    if let Some(words) = statements.last_mut()
        && !word.is_empty()
    {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_as_providers_write_them() {
        let value = "mx.Acme.example;\r\n dkim=pass (2048-bit key; secure) header.i=@a.example header.s=s1;\r\n \
                     spf = pass reason=\"good; sender\" smtp.mailfrom=ann@A.example; dmarc=fail (p=NONE) header.from=a.example";
        let results = parse(value).unwrap();
        assert_eq!(results.server, "mx.acme.example");
        let methods: Vec<_> = results.methods.iter().map(|method| (method.method.as_str(), method.result.as_str())).collect();
        assert_eq!(methods, [("dkim", "pass"), ("spf", "pass"), ("dmarc", "fail")]);
        let properties: Vec<_> = results.methods.iter().flat_map(|method| &method.properties).collect();
        let expected =
            [("header.i", "@a.example"), ("header.s", "s1"), ("smtp.mailfrom", "ann@a.example"), ("header.from", "a.example")];
        assert_eq!(properties, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).iter().collect::<Vec<_>>());
    }

    #[test]
    fn an_author_who_is_not_there_says_nothing() {
        assert_eq!(parse("  ; dkim=pass"), None);
        assert_eq!(parse("mx.example 1; none").map(|results| results.methods.len()), Some(0));
    }
}
