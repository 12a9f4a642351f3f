//! A *handle* is what names a device, or an AoR, to the main registrar: midreg's token where there
//! is one, else the Contact URI as it is (R7).

/// Characters of a token.
const TOKEN: usize = engine::token::TOKEN_LENGTH;

/// The handle of a contact with this URI that came by this Path.
#[must_use]
pub fn handle<'u>(uri: &'u str, path: Option<&'u str>) -> &'u str {
    let own = parameter(uri).or_else(|| user(uri));
    own.or_else(|| path.and_then(user)).unwrap_or(uri)
}

/// The token that is the value of a parameter, whatever its name.
fn parameter(uri: &str) -> Option<&str> {
    let params = uri.split(';').skip(1);
    params
        .filter_map(|param| param.split('=').nth(1))
        .find(|value| is_token(value))
}

/// The token that stands as the user part.
fn user(uri: &str) -> Option<&str> {
    let rest = uri.split("sip:").nth(1)?;
    rest.split('@').next().filter(|user| is_token(user))
}

fn is_token(text: &str) -> bool {
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    text.len() == TOKEN && text.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_wherever_it_may_stand() {
        let token = "abcdefghijklmnopqrstuvwxyz";
        let in_param = format!("sip:alice@192.0.2.1;mr={token};x=y");
        let as_user = format!("sip:{token}@192.0.2.1");
        let path = format!("<sip:{token}@192.0.2.1;lr>");
        let own = "sip:alice@198.51.100.1:5060";
        assert_eq!(handle(&in_param, None), token);
        assert_eq!(handle(&as_user, None), token);
        assert_eq!(handle(own, Some(&path)), token);
        assert_eq!(handle(own, None), own);
    }
}
