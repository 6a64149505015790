//! criterion's view of the verdict, for work on it: it keeps its measurements and
//! tells what has changed since the last run.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use netpolicy::Verdict;
use netpolicy::model::Options;
use netpolicy_benches::contestant::Contestant;
use netpolicy_benches::timing::{back_to_back, dependent};
use netpolicy_benches::traffic::{Mix, draw};
use netpolicy_benches::verdicts::CONNECTIONS;
use netpolicy_benches::world::{AddressPattern, Families, Spec, World};

/// Verdicts on the world of the goals.
fn verdicts(criterion: &mut Criterion) {
    let world = World::new(Spec::HEADLINE);
    let (image, _) = world
        .cluster
        .compile(&Options::default())
        .expect("a world compiles");
    let image = image.image();
    for mix in Mix::ALL {
        let connections = draw(&world, mix, CONNECTIONS);
        let mut group = criterion.benchmark_group(format!("headline/{mix}"));
        group.throughput(Throughput::Elements(CONNECTIONS as u64));
        group.bench_function("dependent", |bencher| {
            bencher.iter(|| dependent(&connections, |connection| image.allows(connection)));
        });
        group.bench_function("back-to-back", |bencher| {
            bencher.iter(|| back_to_back(&connections, |connection| image.allows(connection)));
        });
        group.bench_function("batch", |bencher| {
            let mut verdicts = vec![Verdict::DENY; CONNECTIONS];
            bencher.iter(|| {
                image.verdicts(&connections, &mut verdicts);
                black_box(&verdicts);
            });
        });
    }
}

/// Compiling a world of a size that can be compiled often.
fn compile(criterion: &mut Criterion) {
    let spec = Spec::new(20_000, 1_000, AddressPattern::Dense, Families::Both);
    let world = World::new(spec);
    let mut group = criterion.benchmark_group(spec.to_string());
    group.sample_size(10);
    group.bench_function("compile", |bencher| {
        bencher.iter(|| world.cluster.compile(&Options::default()));
    });
}

criterion_group!(benches, verdicts, compile);
criterion_main!(benches);
