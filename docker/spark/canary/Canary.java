import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;

import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Runs a task on every executor and prints where: one line "canary HOST EXECUTOR TASKS" for each executor.
 *
 * Usage: Canary EXECUTORS SLOTS [COMMAND...]: waits until EXECUTORS have taken part (SLOTS tasks a round, each holding
 * its slot for a moment so that no executor takes two), and runs COMMAND once in each task. Exits with 1 when an
 * executor took no part within the rounds, or when COMMAND failed.
 */
public final class Canary {
    private static final int ROUNDS = 20;
    private static final long HOLD_MILLISECONDS = 500;

    public static void main(String[] arguments) {
        int executors = Integer.parseInt(arguments[0]);
        int slots = Integer.parseInt(arguments[1]);
        List<String> command = Arrays.asList(arguments).subList(2, arguments.length);
        TreeMap<String, Integer> seen = new TreeMap<>();
        try (JavaSparkContext context = new JavaSparkContext(SparkSession.builder().appName("canary").getOrCreate().sparkContext())) {
            for (int round = 0; round < ROUNDS && seen.size() < executors; round++) {
                for (String place : round(context, slots, new ArrayList<>(command))) {
                    seen.merge(place, 1, Integer::sum);
                }
            }
        }
        seen.forEach((place, tasks) -> System.out.println("canary " + place + " " + tasks));
        if (seen.size() < executors) {
            System.err.println("canary: " + seen.size() + " of " + executors + " executors took part");
            System.exit(1);
        }
    }

    private static List<String> round(JavaSparkContext context, int slots, List<String> command) {
        return context.parallelize(Collections.nCopies(slots, 0), slots).map(ignored -> {
            Thread.sleep(HOLD_MILLISECONDS);
            if (!command.isEmpty()) {
                Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
                String output = new String(process.getInputStream().readAllBytes());
                if (process.waitFor() != 0) {
                    throw new IllegalStateException("exit status " + process.exitValue() + " of " + command + ": " + output);
                }
            }
            return java.net.InetAddress.getLocalHost().getHostName() + " " + SparkEnv.get().executorId();
        }).collect();
    }
}
