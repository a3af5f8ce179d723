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
