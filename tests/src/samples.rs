//! Clusters with something of everything, for tests that need one image, not many.

use std::path::{Path, PathBuf};

use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, Options};
use netpolicy::{Cluster, ImageBuf};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::worlds::{World, world};

/// An image of manifests that are without an error; messages call them
/// `policies.yaml`, and example.com is 198.51.100.9.
///
/// # Panics
/// If there is an error.
#[must_use]
#[track_caller]
pub fn compiled(manifests: &str, options: &Options) -> ImageBuf {
    let mut loader = Loader::default();
    loader.read_text("policies.yaml", manifests);
    loader.domain_name(DomainName {
        name: "example.com".to_owned().into(),
        addresses: vec![std::net::Ipv4Addr::new(198, 51, 100, 9).into()].into(),
    });
    let loaded = loader.finish();
    let errors: Vec<_> = loaded.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let (image, _) = loaded.cluster.compile(options).expect("it compiles");
    image
}

/// A folder of the data that lies beside the repository.
///
/// # Panics
/// If it is not there.
#[must_use]
pub fn shared(folder: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared")
        .join(folder);
    assert!(
        path.is_dir(),
        "these tests read ../shared/{folder} beside the repository, which is not part of it: \
         put it there, or link to it"
    );
    path
}

/// Some random worlds, the same in every run.
#[must_use]
pub fn worlds(count: usize) -> Vec<World> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| {
            world()
                .new_tree(&mut runner)
                .expect("a world can be made")
                .current()
        })
        .collect()
}

/// The objects of a world.
#[must_use]
pub fn cluster(world: &World) -> Cluster {
    let mut loader = Loader::default();
    let manifests = serde_json::Value::from(world.manifests.clone());
    loader.read_text("world.json", &manifests.to_string());
    for (name, addresses) in &world.domains {
        loader.domain_name(DomainName {
            name: name.clone().into(),
            addresses: addresses.clone().into(),
        });
    }
    loader.finish().cluster
}

/// The objects of several worlds in one cluster: later ones replace earlier ones of
/// the same name.
#[must_use]
pub fn merged(worlds: &[World]) -> Cluster {
    let all = World {
        manifests: worlds
            .iter()
            .flat_map(|world| world.manifests.clone())
            .collect(),
        domains: worlds
            .iter()
            .flat_map(|world| world.domains.clone())
            .collect(),
        ..worlds.first().expect("at least one world").clone()
    };
    cluster(&all)
}

/// An image in which no section is empty.
///
/// # Panics
/// If it cannot be compiled.
#[must_use]
pub fn image() -> ImageBuf {
    let (image, _) = merged(&worlds(6))
        .compile(&Options::default())
        .expect("a valid cluster compiles");
    image
}
