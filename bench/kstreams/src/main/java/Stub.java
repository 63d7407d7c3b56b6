// (e) Kafka Streams over the same stub step as bench/stub.py: a count and 600 bytes a key in a store with a changelog, 1.2 kB out.
//
// java -cp <jars>:. Stub BOOTSTRAP DEPLOYMENT at_least_once|exactly_once_v2 THREADS STATE_DIR

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

public class Stub {
  static final int STATE_BYTES = 600;
  static final int OUT_BYTES = 1200;

  static class Step implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> store;

    public void init(ProcessorContext<byte[], byte[]> given) {
      context = given;
      store = given.getStateStore("state");
    }

    public void process(Record<byte[], byte[]> record) {
      byte[] before = store.get(record.key());
      long count = (before == null ? 0 : ByteBuffer.wrap(before).getLong()) + 1;
      byte[] in = record.value();
      byte[] kept = ByteBuffer.allocate(STATE_BYTES).putLong(count).put(Arrays.copyOf(in, STATE_BYTES - 8)).array();
      store.put(record.key(), kept);
      ByteBuffer out = ByteBuffer.allocate(OUT_BYTES).putLong(count);
      while (out.hasRemaining()) {
        out.put(in, 0, Math.min(in.length, out.remaining()));
      }
      context.forward(record.withValue(out.array()));
    }
  }

  public static void main(String[] given) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given[1] + "-streams");
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, given[2]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given[3]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, given[4]);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    Topology topology = new Topology();
    topology.addSource("in", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), given[1] + ".stub-in");
    topology.addProcessor("step", Step::new, "in");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("state"), Serdes.ByteArray(), Serdes.ByteArray())
            .withLoggingEnabled(Map.of()).withCachingDisabled(),
        "step");
    topology.addSink("out", given[1] + ".stub-out", Serdes.ByteArray().serializer(), Serdes.ByteArray().serializer(), "step");
    KafkaStreams streams = new KafkaStreams(topology, settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
