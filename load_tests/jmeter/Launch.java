/* Starts Debian 12's jmeter 2.13, which by itself opens no test plan: its XStream 1.4.20 reads only classes
 * that a program allows, and JMeter 2.13 is older than that rule.  This allows JMeter's own.
 *
 *   apt install jmeter jmeter-http openjdk-17-jdk-headless
 *   java load_tests/jmeter/Launch.java -n -q load_tests/jmeter/flashsale.properties \
 *        -t load_tests/jmeter/flashsale.jmx -l out.jtl -Jusers=50 -Jduration=10
 *
 * A JMeter of apache.org needs none of this: `jmeter -n -q ... -t ... -l ...`. */
import java.io.File;
import java.lang.reflect.Field;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

public class Launch {
    private static final String HOME = System.getProperty("jmeter.home", "/usr/share/jmeter");

    private static List<URL> jars() throws Exception {
        List<URL> found = new ArrayList<>();
        found.add(new File(HOME, "bin/ApacheJMeter.jar").toURI().toURL());
        for (String folder : new String[] {HOME + "/lib/ext", HOME + "/lib"}) {
            try (var files = Files.newDirectoryStream(Path.of(folder), "*.jar")) {
                for (Path file : files) found.add(file.toUri().toURL());
            }
        }
        return found;
    }

    private static void allow(ClassLoader loader, String field) throws Exception {
        Field saver = Class.forName("org.apache.jmeter.save.SaveService", true, loader).getDeclaredField(field);
        saver.setAccessible(true);
        Object xstream = saver.get(null);
        String[] names = {"org.apache.jmeter.**", "org.apache.jorphan.**"};
        xstream.getClass().getMethod("allowTypesByWildcard", String[].class).invoke(xstream, (Object) names);
    }

    public static void main(String[] arguments) throws Exception {
        if (!new File(HOME, "bin/ApacheJMeter.jar").isFile()) {
            System.err.println("Launch: no JMeter in " + HOME + ": apt install jmeter jmeter-http, or -Djmeter.home=...");
            System.exit(2);
        }
        System.setProperty("java.class.path", HOME + "/bin/ApacheJMeter.jar"); // where it looks for its home
        ClassLoader loader = new URLClassLoader(jars().toArray(new URL[0]), Launch.class.getClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        Class<?> utilities = Class.forName("org.apache.jmeter.util.JMeterUtils", true, loader);
        utilities.getMethod("setJMeterHome", String.class).invoke(null, HOME);
        utilities.getMethod("loadJMeterProperties", String.class).invoke(null, HOME + "/bin/jmeter.properties");
        allow(loader, "JMXSAVER");
        allow(loader, "JTLSAVER");
        Class<?> jmeter = Class.forName("org.apache.jmeter.JMeter", true, loader);
        Object program = jmeter.getConstructor().newInstance();
        jmeter.getMethod("start", String[].class).invoke(program, (Object) arguments);
    }
}
