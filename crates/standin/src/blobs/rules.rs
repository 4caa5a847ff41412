//! What a test can tell the service to do.

/// How the service behaves.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Days that deleted blobs can be taken back; `None`: deleted is gone.
    pub soft_delete_days: Option<u32>,
    /// Versions are kept.
    pub versions: bool,
    /// Requests without credentials are refused.
    pub needs_credentials: bool,
    /// Most items on a page of a listing.
    pub page: usize,
    /// How listings of blobs are.
    pub listing: Listing,
    /// Answers to give instead of the right ones; the first that fits is given.
    pub canned: Vec<Canned>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            soft_delete_days: None,
            versions: false,
            needs_credentials: true,
            // https://learn.microsoft.com/rest/api/storageservices/list-blobs, `maxresults`.
            page: 5_000,
            listing: Listing::Honest,
            canned: Vec::new(),
        }
    }
}

/// How listings of blobs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// As they should.
    #[default]
    Honest,
    /// After the first page the same again, for ever.
    SameMarker,
    /// One more blob with every page, for ever.
    NewMarkers,
    /// Pages without a blob, for ever.
    EmptyPages,
    /// Entities that grow to gigabytes when they are replaced by what they stand for.
    Bomb,
    /// A blob whose name has so many bytes.
    LongName(u64),
    /// Elements in each other, so deep.
    Deep(u32),
    /// A page that ends in the middle.
    CutOff,
    /// No XML at all.
    Garbage,
}

/// An answer to give instead of the right one.
#[derive(Clone, Debug)]
pub struct Canned {
    /// Methods it is given to; empty: to all.
    pub method: &'static str,
    /// Text that path and query (`path?query`, as they were sent) have to contain.
    pub contains: String,
    /// How often it is given; `None`: always.
    pub times: Option<u32>,
    /// Status.
    pub status: u16,
    /// Code of Azure, told in a header and in the body; empty: none, and no body.
    pub code: &'static str,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Canned {
    /// A refusal, always and to everything that contains this text.
    pub fn refusal(contains: impl Into<String>, status: u16, code: &'static str) -> Self {
        Self { method: "", contains: contains.into(), times: None, status, code, headers: Vec::new() }
    }

    /// A redirect, always and of everything.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self { headers: vec![("location", location.into())], ..Self::refusal("", status, "") }
    }

    /// True if it is to be given; counts.
    pub(super) fn takes(&mut self, method: &str, target: &str) -> bool {
        let fits = (self.method.is_empty() || self.method == method) && target.contains(&self.contains);
        match &mut self.times {
            _ if !fits => false,
            None => true,
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
        }
    }
}
