package tutti.coordinator.membership;

import akka.actor.Address;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Down;
import java.util.stream.StreamSupport;

/** The processes that Akka's cluster knows; actors of this process are always among them. */
record ClusterNodes(ActorSystem<?> system) {

    /** Would its end be noticed? Only of members: one that has just come is a member a moment later. */
    boolean watches(ActorRef<?> actor) {
        Address address = actor.path().address();
        return address.hasLocalScope()
                || StreamSupport.stream(Cluster.get(system).state().getMembers().spliterator(), false)
                        .anyMatch(member -> member.address().equals(address));
    }

    /** It is dead: without this the cluster waits for its heartbeat, and takes nobody in until then. */
    void down(ActorRef<?> actor) {
        Address address = actor.path().address();
        if (!address.hasLocalScope()) {
            Cluster.get(system).manager().tell(new Down(address));
        }
    }
}
