//! The query of an address: written and read.

use super::{BaseUrl, SetupError, Url};

/// An address with these fields added to its query. The same addresses are taken as for an API.
pub(crate) fn with_query(url: &str, fields: &[(&str, &str)]) -> Result<String, SetupError> {
    BaseUrl::parse(url)?;
    let mut whole = Url::parse(url).map_err(|error| SetupError::Address { address: url.to_owned(), why: error.to_string() })?;
    whole.query_pairs_mut().extend_pairs(fields);
    Ok(whole.into())
}

/// The fields in the query of a request's target, such as `/?code=x`. None where it cannot be read.
pub(crate) fn query_of(target: &str) -> Vec<(String, String)> {
    let whole = Url::parse("http://127.0.0.1/").and_then(|base| base.join(target));
    whole.map_or_else(|_| Vec::new(), |whole| whole.query_pairs().map(|(name, value)| (name.into(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_added_to_the_query_that_is_there_and_read_back() {
        let whole =
            with_query("https://id.example/auth?prompt=consent", &[("scope", "a b&c"), ("r", "http://127.0.0.1:7")]).unwrap();
        assert!(whole.starts_with("https://id.example/auth?prompt=consent&scope=a+b%26c&r="), "{whole}");
        let target = whole.strip_prefix("https://id.example").unwrap();
        assert_eq!(query_of(target)[1], ("scope".to_owned(), "a b&c".to_owned()));
        assert!(with_query("http://id.example/auth", &[]).is_err());
    }
}
