use midreg_sim::{Phone, World};
#[test]
fn smoke() {
    let mut world = World::contact();
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    let ok = world.registered(&mut alice);
    println!("{}", ok.text());
    println!("{}", world.ladder());
    println!("{}", world.main().last().text());
    assert_eq!(world.registered(&mut alice).status(), 200);
    println!("{}", world.ladder());
}
