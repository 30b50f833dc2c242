/**
 * A step of a shared library: measures a suite's latency tests and shows what got slower.
 *
 *   llmLatency arguments: 'tests/latency --llm-latency-environment=ci', show: ['junit', 'issues']
 *
 * arguments  arguments of pytest, quoted as in a shell
 * python     the Python in which the suite and pytest-llm-latency are installed (python)
 * show       what the plugins that are installed here are to show: junit (JUnit), issues (Warnings Next
 *            Generation), performance (Performance), plot (Plot), html (HTML Publisher)
 */
def call(Map options = [:]) {
    List known = ['junit', 'issues', 'performance', 'plot', 'html']
    List show = options.get('show', ['junit'])
    List unknown = show.findAll { each -> !known.contains(each) }
    if (unknown) {
        error("llmLatency cannot show ${unknown.join(', ')}: choose among ${known.join(', ')}.")
    }
    String report = '.llm-latency/report'
    int status = 0
    withEnv(["PYTEST_ADDOPTS=${options.get('arguments', '')}", "LLM_LATENCY_PYTHON=${options.get('python', 'python')}"]) {
        // In single quotation marks: the shell reads the variables, and nothing of their text becomes a command.
        status = sh(
            returnStatus: true,
            script: '"$LLM_LATENCY_PYTHON" -m pytest --llm-latency --llm-latency-ci=jenkins --llm-latency-results="$PWD/.llm-latency"'
        )
    }
    archiveArtifacts artifacts: '.llm-latency/**', allowEmptyArchive: true
    if (show.contains('junit')) {
        junit testResults: "${report}/junit.xml", allowEmptyResults: true
    }
    if (show.contains('issues')) {
        recordIssues enabledForFailure: true, tools: [issues(id: 'llm-latency', name: 'LLM latency', pattern: "${report}/warnings.json")]
    }
    if (show.contains('performance')) {
        perfReport sourceDataFiles: "${report}/performance.csv"
    }
    if (show.contains('plot')) {
        plot csvFileName: 'plot-llm-latency.csv', group: 'LLM latency', title: 'p95', yaxis: 'ms', style: 'line',
            csvSeries: [[file: "${report}/plot.csv", inclusionFlag: 'OFF', exclusionValues: '', url: '', displayTableFlag: false]]
    }
    if (show.contains('html')) {
        publishHTML target: [
            reportDir: report, reportFiles: 'index.html', reportName: 'LLM latency',
            allowMissing: true, alwaysLinkToLastBuild: true, keepAll: true
        ]
    }
    if (status != 0) {
        error("The latency tests failed: pytest ended with ${status}.")
    }
}
