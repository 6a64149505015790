//! SEMANTICS "`domainNames`".

use std::net::IpAddr;

use super::address::{End, Who, same_spelling};
use super::{Feature, Trace};

/// "names compare without case or trailing dot"
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// "`*.d` matches one or more labels before `d`, never `d` itself"
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (plain(pattern), plain(name));
    match pattern.strip_prefix("*.") {
        None => name == pattern,
        Some(domain) => name
            .strip_suffix(domain)
            .and_then(|before| before.strip_suffix('.'))
            .is_some_and(|labels| !labels.is_empty()),
    }
}

/// "addresses that the caller says a name currently resolves to; a name with none matches
/// nothing."
pub(super) fn some_resolves_to(
    patterns: &[&str],
    domains: &[(String, Vec<IpAddr>)],
    end: End<'_>,
    trace: &Trace,
) -> bool {
    let mut found = false;
    for pattern in patterns {
        let mut resolved = false;
        for (name, addresses) in domains {
            let is_its = addresses
                .iter()
                .any(|&address| same_spelling(address) == end.address);
            resolved |= matches(pattern, name) && !addresses.is_empty();
            let hit = matches(pattern, name) && is_its;
            found |= hit;
            trace_match(pattern, name, hit, is_its, trace);
        }
        trace.met_if(!resolved, Feature::DomainUnresolved);
    }
    trace.met_if(found && end.who == Who::Pod, Feature::DomainOfPod);
    found
}

fn trace_match(pattern: &str, name: &str, hit: bool, is_its: bool, trace: &Trace) {
    if let Some(domain) = pattern.strip_prefix("*.") {
        trace.met_if(hit, Feature::DomainWildcard);
        let dots = |name: &str| plain(name).matches('.').count();
        trace.met_if(
            hit && dots(name) > dots(domain) + 1,
            Feature::DomainWildcardDeep,
        );
        trace.met_if(
            is_its && plain(domain) == plain(name),
            Feature::DomainWildcardMissesItself,
        );
        trace.met_if(hit && !name.ends_with(domain), Feature::DomainSpelling);
    } else {
        trace.met_if(hit, Feature::DomainPlain);
        trace.met_if(hit && name != pattern, Feature::DomainSpelling);
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names() {
        assert!(matches("kubernetes.io", "Kubernetes.IO."));
        assert!(matches("kubernetes.io.", "kubernetes.io"));
        assert!(!matches("kubernetes.io", "www.kubernetes.io"));
        assert!(matches("*.kubernetes.io", "www.kubernetes.io"));
        assert!(matches("*.kubernetes.io.", "latest.blog.kubernetes.io"));
        assert!(!matches("*.kubernetes.io", "kubernetes.io"));
        assert!(!matches("*.kubernetes.io", "my-kubernetes.io"));
        assert!(!matches("*.kubernetes.io", ".kubernetes.io"));
    }
}
