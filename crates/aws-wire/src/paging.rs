//! Paging tokens: opaque to clients, a position to us.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where a listing goes on: the key of the last item given out, bound to the listing that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    /// The last item given out.
    pub after: String,
}

impl PageToken {
    /// The token a client gets. `listing` names the operation and its filter, so that a token of one listing is
    /// refused by another.
    pub fn encode(listing: &str, after: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{listing}\0{after}"))
    }

    /// The position of a token that [`PageToken::encode`] made for the same listing.
    pub fn decode(listing: &str, token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (found, after) = text.split_once('\0')?;
        (found == listing).then(|| Self { after: after.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_belong_to_their_listing() {
        let token = PageToken::encode("ListFunctions", "f9");
        assert_eq!(PageToken::decode("ListFunctions", &token).unwrap().after, "f9");
        assert_eq!(PageToken::decode("ListLayers", &token), None);
        assert_eq!(PageToken::decode("ListFunctions", "rubbish!"), None);
    }
}
