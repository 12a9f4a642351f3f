//! Rules about domains: who is who, what a mode cannot do, and that strangers are not let in by
//! mistake.

use std::sync::Arc;

use engine::policy::{DigestPolicy, DomainPolicy, Insertion, Mode};
use sip::digest::Algorithm;

use super::cross;
use super::digest::DigestKeys;
use super::domain::{self, Defaults, DomainKeys, Scope};
use super::error::{Fault, Faults, Spot};
use super::naming::NamingKeys;
use super::registration::Accept;
use super::section::Given;
use super::upstream::Upstream;

const DIGEST_HELP: &str = "a digest covers user name, realm and URI as the phone computed it, so \
                           the main registrar must take one for the phone's names";

/// What holds for the domains that are not listed, and for each that is, sorted by name.
pub(crate) type Policies = (DomainPolicy, Vec<(Box<str>, DomainPolicy)>);

/// Applies all rules, and tells what holds where.
pub(crate) fn check_domains(
    defaults: &Defaults,
    domains: &[DomainKeys],
    upstream: &Upstream,
    naming: &NamingKeys,
    faults: &mut Faults,
) -> Policies {
    let scopes = domain::scopes(defaults, domains, faults);
    let has_upstream = !upstream.servers.is_empty();
    check_names(domains, naming, faults);
    if has_upstream || !faults.has_errors() {
        check_modes(&scopes, has_upstream, faults);
    }
    check_digests(defaults, domains, faults);
    check_general_digest(&scopes, &defaults.digest, faults);
    check_strangers(&scopes, defaults, has_upstream, faults);
    warn_of_mapping(&scopes, naming, faults);
    warn_of_digests(&scopes, defaults.digest.spot(), faults);
    warn_of_being_alone(defaults, has_upstream, faults);
    cross::check_lifetimes(&scopes, upstream, faults);
    let mut general = DomainPolicy::default();
    let mut named: Vec<(Box<str>, DomainPolicy)> = Vec::with_capacity(domains.len());
    for scope in scopes {
        match scope.domain {
            Some(domain) => named.push((domain.name.value.as_str().into(), scope.policy)),
            None => general = scope.policy,
        }
    }
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    (general, named)
}

/// Names against each other: each leads to one domain, and each can be reached.
fn check_names(domains: &[DomainKeys], naming: &NamingKeys, faults: &mut Faults) {
    let mut known: Vec<&Given<String>> = Vec::new();
    let names = domains.iter().map(|domain| &domain.name);
    let aliases = domains.iter().flat_map(|domain| &domain.aliases);
    for name in names.chain(aliases) {
        if let Some(other) = known.iter().find(|other| other.value == name.value) {
            let message = format!("`{}` is listed twice", name.value);
            let help = format!("the other one is at {}", other.spot);
            faults.push(Fault::error(&name.spot, message).help(help));
        }
        if let Some(rest) = naming.stripped(&name.value) {
            let message = format!("`{}` is never met", name.value);
            let help = format!("`naming.strip_prefixes` makes it `{rest}` before it is looked up");
            faults.push(Fault::error(&name.spot, message).help(help));
        }
        known.push(name);
    }
}

/// Each mode has what it needs and nothing that it cannot use.
fn check_modes(scopes: &[Scope<'_>], has_upstream: bool, faults: &mut Faults) {
    for scope in scopes {
        check_mode(scope, has_upstream, faults);
        check_idle(scope, faults);
    }
}

fn check_mode(scope: &Scope<'_>, has_upstream: bool, faults: &mut Faults) {
    let given = scope.mode.filter(|given| given.value != Mode::Standalone);
    if let Some(given) = given.filter(|_| !has_upstream) {
        let message = "this mode needs a main registrar";
        let help = "set `upstream.servers` (or --upstream), or leave `mode` out: without a main \
                    registrar midreg is the registrar itself (standalone)";
        faults.push(Fault::error(&given.spot, message).help(help));
    }
    if scope.policy.mode == Mode::Aor && scope.policy.insertion == Insertion::Path {
        let insertion = scope.lease.insertion.as_ref().map(|given| &given.spot);
        let place = insertion.or_else(|| scope.mode.map(|given| &given.spot));
        let message = "`path` insertion does not go with `aor`";
        let help = "the one Contact that all devices share is midreg's own: set `insertion` to \
                    \"contact\" there";
        faults.push(fault_at(place, message).help(help));
    }
}

/// Keys that were given for one domain and have no effect there.
fn check_idle(scope: &Scope<'_>, faults: &mut Faults) {
    let Some(domain) = scope.domain else { return };
    let lease = &domain.lease;
    let spot = |given: Option<&Spot>, key, why| given.map(|spot| (spot.clone(), key, why));
    let alone = (scope.policy.mode == Mode::Standalone)
        .then_some("in standalone, where there is no main registrar to tell");
    let one_way =
        (scope.policy.mode == Mode::Aor).then_some("in aor, where all Contacts look alike");
    let proxied = (scope.policy.mode == Mode::Mirror)
        .then_some("in mirror, where the main registrar asks for the password");
    let path = (scope.policy.insertion == Insertion::Path).then_some("with `path` insertion");
    let insertion = lease.insertion.as_ref().map(|given| &given.spot);
    let style = lease.style.as_ref().map(|given| &given.spot);
    let expires = lease.expires.as_ref().map(|given| &given.spot);
    let challenge = lease.challenge.as_ref().map(|given| &given.spot);
    let upstream_name = domain.upstream_name.as_ref().map(|given| &given.spot);
    let idle = [
        spot(insertion, "insertion", alone),
        spot(style, "contact_style", alone.or(one_way).or(path)),
        spot(expires, "expires", alone),
        spot(challenge, "require_challenge", alone),
        spot(upstream_name, "upstream_name", alone),
        spot(domain.digest().spot(), "digest", proxied),
    ];
    for (spot, key, why) in idle.into_iter().flatten() {
        if let Some(why) = why {
            faults.push(Fault::error(&spot, format!("`{key}` has no effect {why}")));
        }
    }
}

/// Nobody is let in by mistake: a registrar without users wants to hear that it shall take all.
/// Says nothing while there are other errors, which may be why there are no users.
fn check_strangers(
    scopes: &[Scope<'_>],
    defaults: &Defaults,
    has_upstream: bool,
    faults: &mut Faults,
) {
    if faults.has_errors() {
        return;
    }
    let mut welcome = Vec::new();
    for scope in scopes.iter().filter(|scope| is_open(scope)) {
        match scope.accept {
            Accept::Anybody => welcome.push(scope.domain.map(|domain| &domain.name.value)),
            Accept::Proved => faults.push(open_door(scope, has_upstream)),
        }
    }
    let of_domains = scopes.iter().filter_map(|scope| scope.domain);
    let given = of_domains.filter_map(|d| Some((Some(&d.name.value), d.accept()?)));
    let general = defaults
        .registration
        .accept
        .as_ref()
        .map(|given| (None, given));
    for (domain, accept) in given.chain(general) {
        let idle = match domain {
            Some(_) => !welcome.contains(&domain),
            None => welcome.is_empty(),
        };
        if accept.value == Accept::Anybody && idle {
            let message = "`accept` lets nobody in that was not let in before";
            let help = "where there are users, or a main registrar, those decide";
            faults.push(Fault::warning(Some(&accept.spot), message).help(help));
        }
    }
}

fn is_open(scope: &Scope<'_>) -> bool {
    scope.policy.mode == Mode::Standalone && scope.policy.digest.is_none()
}

fn open_door(scope: &Scope<'_>, has_upstream: bool) -> Fault {
    let users = "list users under [[digest.users]] or in `digest.users_file`";
    let anybody = "accept everybody with registration.accept = \"anybody\"";
    match scope.domain {
        None if !has_upstream => {
            let message = "no upstream server, and no users: anybody could register";
            Fault::general(message).help(format!(
                "set `upstream.servers` (or --upstream) to the main registrar, such as \
                 \"sip:10.0.0.5:5060\"; or {users} to be the registrar; or {anybody}"
            ))
        }
        None => {
            let place = scope.mode.map(|given| &given.spot);
            fault_at(place, "standalone without users: anybody could register")
                .help(format!("{users}, or {anybody}"))
        }
        Some(domain) => {
            let place = Some(&domain.name.spot);
            fault_at(place, "standalone without users: anybody could register").help(
                "list users under [[domain.digest.users]], or accept everybody with \
                 registration.accept = \"anybody\"",
            )
        }
    }
}

/// A digest table that lists no users is a mistake, unless it tells domains what they inherit.
fn check_digests(defaults: &Defaults, domains: &[DomainKeys], faults: &mut Faults) {
    if faults.has_errors() {
        return;
    }
    let inherited = domains.iter().any(|domain| domain.digest().has_users());
    let own = domains.iter().map(DomainKeys::digest);
    let general = (!inherited).then_some(&defaults.digest);
    for digest in own.chain(general).filter(|digest| !digest.has_users()) {
        if let Some(spot) = digest.spot() {
            let help = "add [[digest.users]] with name and password, for a domain \
                        [[domain.digest.users]]";
            faults.push(Fault::error(spot, "a digest without users").help(help));
        }
    }
}

/// Users that are known for all domains, and asked for their password in none.
fn check_general_digest(scopes: &[Scope<'_>], digest: &DigestKeys, faults: &mut Faults) {
    let follows = |scope: &&Scope<'_>| scope.domain.is_none_or(|own| !own.digest().has_users());
    let mut asked = scopes.iter().filter(follows);
    let idle = !asked.any(|scope| scope.policy.mode != Mode::Mirror);
    if let Some(spot) = digest.spot().filter(|_| digest.has_users() && idle) {
        let message = "`digest` has no effect in mirror";
        let help = "the main registrar asks for the password there, each time";
        faults.push(Fault::warning(Some(spot), message).help(help));
    }
}

/// What changes the names that a digest was computed with, and domains that become one upstream.
fn warn_of_mapping(scopes: &[Scope<'_>], naming: &NamingKeys, faults: &mut Faults) {
    let through = |scope: &&Scope<'_>| scope.policy.mode != Mode::Standalone;
    let fold = naming.fold_user_case.as_ref().filter(|given| given.value);
    let fold = fold.map(|given| (&given.spot, "`fold_user_case` changes the names of users"));
    let prefixes = naming.strip_prefixes.first();
    let prefixes = prefixes.map(|given| (&given.spot, "`strip_prefixes` changes domains"));
    if scopes.iter().any(|scope| through(&scope)) {
        for (spot, message) in fold.into_iter().chain(prefixes) {
            faults.push(Fault::warning(Some(spot), message).help(DIGEST_HELP));
        }
    }
    let mut names: Vec<(&Given<String>, &DomainKeys)> = Vec::new();
    for (scope, domain) in scopes
        .iter()
        .filter(through)
        .filter_map(|scope| Some((scope, scope.domain?)))
    {
        if let Some(alias) = domain.aliases.first() {
            let message = "aliases change domains";
            faults.push(Fault::warning(Some(&alias.spot), message).help(DIGEST_HELP));
        }
        let other = domain.upstream_name.as_ref();
        if let Some(other) = other.filter(|_| scope.policy.upstream_name.is_some()) {
            let message = "`upstream_name` changes a domain";
            faults.push(Fault::warning(Some(&other.spot), message).help(DIGEST_HELP));
        }
        let name = other.unwrap_or(&domain.name);
        let same = |(known, other): &&(&Given<String>, &DomainKeys)| {
            known.value == name.value && other.name.value != domain.name.value
        };
        if let Some((known, _)) = names.iter().find(same) {
            let message = format!("two domains are `{}` upstream", name.value);
            let help = format!(
                "the other one is at {}; users of one name share calls",
                known.spot
            );
            faults.push(Fault::warning(Some(&name.spot), message).help(help));
        }
        names.push((name, domain));
    }
}

/// Hashes that few phones know, told at the table of the domain or at the `general` one, and a lease that is shared by those who should have their own.
fn warn_of_digests(scopes: &[Scope<'_>], general: Option<&Spot>, faults: &mut Faults) {
    let mut told: Vec<&Arc<DigestPolicy>> = Vec::new();
    for scope in scopes
        .iter()
        .filter(|scope| scope.policy.mode != Mode::Mirror)
    {
        let digest = scope.policy.digest.as_ref();
        let Some(digest) = digest.filter(|digest| !digest.users.is_empty()) else {
            continue;
        };
        if told.iter().any(|other| Arc::ptr_eq(other, digest)) {
            continue;
        }
        told.push(digest);
        let own = scope.domain.and_then(|domain| domain.digest().spot());
        let place = own.or(general);
        if !digest.algorithms.contains(&Algorithm::Md5) {
            let message = "MD5 is not offered to phones";
            let help = "many know nothing else, and cannot register: add \"MD5\" to \
                        `digest.algorithms` (and hashes for it), unless you know that all yours can";
            faults.push(Fault::warning(place, message).help(help));
        }
        if scope.policy.mode == Mode::Aor && digest.users.len() == 1 {
            let message = "in `aor` the only user's devices are one contact at the main registrar";
            let help = "a call rings all of them; for phones that are called each by itself, list a \
                        user for each, or set `mode` to \"contact\"";
            faults.push(Fault::warning(place, message).help(help));
        }
    }
}

/// Nothing behind us, and nobody said so.
fn warn_of_being_alone(defaults: &Defaults, has_upstream: bool, faults: &mut Faults) {
    if has_upstream || defaults.given_mode.is_some() || faults.has_errors() {
        return;
    }
    let message = "no upstream server: midreg is the registrar itself (standalone)";
    let help = "set `upstream.servers` (or --upstream) to the main registrar, or mode = \"standalone\" \
                if this is meant";
    faults.push(Fault::warning(None, message).help(help));
}

fn fault_at(place: Option<&Spot>, message: &str) -> Fault {
    match place {
        Some(spot) => Fault::error(spot, message),
        None => Fault::general(message),
    }
}
