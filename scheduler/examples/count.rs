use iocp_scheduler::Program;
fn main(){
 let a: Vec<usize>=std::env::args().skip(1).map(|x|x.parse().unwrap()).collect();
 let (w,p,l,b)=(a[0],a[1],a[2],a[3]);
 let sleep = if b==1 {r#"{"call":"Sleep","for":"1ms"},"#} else {""};
 let text=format!(r#"{{"name":"x","port":[{{"name":"p","concurrency":{l}}}],"thread":[
 {{"name":"producer","program":[{{"repeat":{p},"do":[{{"call":"PostQueuedCompletionStatus","port":"p","key":1,"key_step":1}}]}},{{"repeat":{w},"do":[{{"call":"PostQueuedCompletionStatus","port":"p","key":0}}]}}]}},
 {{"name":"worker","copies":{w},"program":[{{"repeat":"forever","do":[{{"call":"GetQueuedCompletionStatus","port":"p"}},{{"if":{{"key":0}},"do":[{{"leave":"loop"}}]}},{sleep}{{"mark":"done"}}]}}]}}]}}"#);
 let workload: iocp_scheduler::Workload=serde_json::from_str(&text).map_err(|e|println!("{e}")).unwrap();
 let program=Program::compile(&workload).unwrap();
 iocp_scheduler::explore::count(&program, Default::default(), a[4], a[5]==1).unwrap();
}
